-- Second of two: the `keys` map named the matched key "credential.application"; tell the later filters.
-- A bearer token that came along with a key was never verified, so the backend must not see it.
function envoy_on_request(handle)
  local headers = handle:headers()
  local hash = headers:get("x-portal-keyhash")
  headers:remove("x-portal-keyhash")
  if hash == "-" then return end
  local found = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac")
  local name = found and found["key_enforced_effective_policy_id"]
  local credential, application = (name or ""):match("^([%w_-]+)%.([%w_-]+)$")
  if credential then
    headers:remove("authorization")
    headers:replace("x-portal-keyclient", credential)
    headers:replace("x-portal-keyapp", application)
  end
end
