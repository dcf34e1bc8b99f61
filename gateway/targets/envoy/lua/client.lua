-- For calls with a token of an outside issuer: the `clients` map named its client "credential.application"; tell the
-- later filters. What the token itself says about either is never read.
function envoy_on_request(handle)
  local headers = handle:headers()
  local found = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac")
  local name = found and found["client_enforced_effective_policy_id"]
  local credential, application = (name or ""):match("^([%w_-]+)%.([%w_-]+)$")
  headers:replace("x-portal-client", credential or "-")
  headers:replace("x-portal-app", application or "-")
end
