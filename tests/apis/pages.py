"""Reading a page's answer."""

HTMX = {"HX-Request": "true"}


def text(response, status=200):
    assert response.status_code == status, response.content.decode()[:2000]
    return response.content.decode()
