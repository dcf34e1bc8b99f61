"""The kinds of Kuadrant's developer portal, devportal.kuadrant.io/v1alpha1."""

from portal.kube import Kind

API_PRODUCT = Kind(
    group="devportal.kuadrant.io",
    version="v1alpha1",
    kind="APIProduct",
    plural="apiproducts",
    namespaced=True,
)
