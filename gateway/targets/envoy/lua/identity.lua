-- Second of two, for calls with a key: the `keys` map named it "credential.application", and ".limits" where it has any;
-- tell the later filters. The address that counts is the caller's, or the one that a probe names.
-- A bearer token that came along with a key was never verified, so the backend must not see it.
function envoy_on_request(handle)
  local headers = handle:headers()
  local found = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac")
  local name = found and found["key_enforced_effective_policy_id"]
  local credential, application, limits = (name or ""):match("^([%w_-]+)%.([%w_-]+)%.?([%w_-]*)$")
  if credential then
    headers:remove("authorization")
    headers:replace("x-portal-keyclient", credential)
    headers:replace("x-portal-keyapp", application)
    if limits ~= "" then
      headers:replace("x-portal-limits", limits)
      if not headers:get("x-portal-address") then
        local address = handle:streamInfo():downstreamRemoteAddress()
        headers:replace("x-portal-address", (address:gsub(":%d+$", ""):gsub("[%[%]]", "")))
      end
    end
  end
end
