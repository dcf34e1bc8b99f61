-- First of two: turns the caller's API key into its SHA-256, which the `keys` map is looked up by.
-- PROBE_SECRET is replaced when the listener is rendered. Where no key was sent the header is there already: "-".
local PROBE_SECRET = "@@PROBE_SECRET@@"
local bit = require("bit")
local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local rshift, lshift, ror, tobit, tohex = bit.rshift, bit.lshift, bit.ror, bit.tobit, bit.tohex
local K = {
  0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5,0x3956c25b,0x59f111f1,0x923f82a4,0xab1c5ed5,
  0xd807aa98,0x12835b01,0x243185be,0x550c7dc3,0x72be5d74,0x80deb1fe,0x9bdc06a7,0xc19bf174,
  0xe49b69c1,0xefbe4786,0x0fc19dc6,0x240ca1cc,0x2de92c6f,0x4a7484aa,0x5cb0a9dc,0x76f988da,
  0x983e5152,0xa831c66d,0xb00327c8,0xbf597fc7,0xc6e00bf3,0xd5a79147,0x06ca6351,0x14292967,
  0x27b70a85,0x2e1b2138,0x4d2c6dfc,0x53380d13,0x650a7354,0x766a0abb,0x81c2c92e,0x92722c85,
  0xa2bfe8a1,0xa81a664b,0xc24b8b70,0xc76c51a3,0xd192e819,0xd6990624,0xf40e3585,0x106aa070,
  0x19a4c116,0x1e376c08,0x2748774c,0x34b0bcb5,0x391c0cb3,0x4ed8aa4a,0x5b9cca4f,0x682e6ff3,
  0x748f82ee,0x78a5636f,0x84c87814,0x8cc70208,0x90befffa,0xa4506ceb,0xbef9a3f7,0xc67178f2,
}
local W = {}

local function sha256(s)
  local n = #s
  s = s .. "\128" .. string.rep("\0", (55 - n) % 64) .. "\0\0\0\0"
    .. string.char(band(rshift(n, 21), 255), band(rshift(n, 13), 255), band(rshift(n, 5), 255), band(lshift(n, 3), 255))
  local h0, h1, h2, h3, h4, h5, h6, h7 =
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  for c = 1, #s, 64 do
    for i = 0, 15 do
      local a, b, d, e = s:byte(c + i * 4, c + i * 4 + 3)
      W[i] = bor(lshift(a, 24), lshift(b, 16), lshift(d, 8), e)
    end
    for i = 16, 63 do
      local x, y = W[i - 15], W[i - 2]
      W[i] = tobit(W[i - 16] + bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
        + W[i - 7] + bxor(ror(y, 17), ror(y, 19), rshift(y, 10)))
    end
    local a, b, c2, d, e, f, g, h = h0, h1, h2, h3, h4, h5, h6, h7
    for i = 0, 63 do
      local t1 = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + K[i + 1] + W[i])
      local t2 = tobit(bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c2), band(b, c2)))
      h = g; g = f; f = e; e = tobit(d + t1); d = c2; c2 = b; b = a; a = tobit(t1 + t2)
    end
    h0 = tobit(h0 + a); h1 = tobit(h1 + b); h2 = tobit(h2 + c2); h3 = tobit(h3 + d)
    h4 = tobit(h4 + e); h5 = tobit(h5 + f); h6 = tobit(h6 + g); h7 = tobit(h7 + h)
  end
  return tohex(h0) .. tohex(h1) .. tohex(h2) .. tohex(h3) .. tohex(h4) .. tohex(h5) .. tohex(h6) .. tohex(h7)
end

local function taken(headers, name)
  local value = headers:get(name)
  if value then headers:remove(name) end
  return value
end

-- The agent knows keys only by their hash; with the right secret it may name the hash itself, and the address from
-- which a key that is limited to some would be used.
local function probed_hash(headers)
  local secret = headers:get("x-portico-probe")
  local hash = taken(headers, "x-portico-probe-keyhash")
  local address = taken(headers, "x-portico-probe-address")
  if not secret then return nil end
  if secret ~= PROBE_SECRET then
    headers:remove("x-portico-probe")
    return nil
  end
  headers:replace("x-portal-probe", "1")
  if address then headers:replace("x-portal-address", address) end
  return hash
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local hash = probed_hash(headers)
  local key = headers:get("x-api-key")
  if key then
    headers:remove("x-api-key")
    hash = #key <= 128 and sha256(key) or "too-long"
  end
  if hash then headers:replace("x-portal-keyhash", hash) end
end
