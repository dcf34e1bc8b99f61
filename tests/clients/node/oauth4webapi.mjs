import { privateKey, refusal, tell, visit } from './conversation.mjs'
import * as oauth from 'oauth4webapi'

// The portal of the tests speaks plain HTTP on loopback, which the library does only when told to.
const plain = { [oauth.allowInsecureRequests]: true }

const AUTHENTICATION = {
  client_secret_basic: (task) => oauth.ClientSecretBasic(task.client_secret),
  client_secret_post: (task) => oauth.ClientSecretPost(task.client_secret),
  private_key_jwt: async (task) => oauth.PrivateKeyJwt(await privateKey(task.key)),
  none: () => oauth.None(),
}

const found = async (task, algorithm = 'oidc') => {
  const issuer = new URL(task.issuer)
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...plain })
  const as = await oauth.processDiscoveryResponse(issuer, response)
  return [as, { client_id: task.client_id }, await AUTHENTICATION[task.method](task)]
}

const call = async (task, token) => {
  const response = await oauth.protectedResourceRequest(token, 'GET', new URL(task.api), undefined, undefined, plain)
  return response.status
}

const introspect = async (server, token) => {
  const [as, client] = server
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(...server, token, plain))
}

const revoke = async (server, token) =>
  oauth.processRevocationResponse(await oauth.revocationRequest(...server, token, plain))

const refresh = async (server, token) => {
  const [as, client] = server
  const response = await oauth.refreshTokenGrantRequest(...server, token, plain)
  const tokens = await oauth.processRefreshTokenResponse(as, client, response)
  await oauth.validateApplicationLevelSignature(as, response, plain)
  return tokens
}

const machine = async (task) => {
  const server = await found(task, 'oauth2')
  const [as, client] = server
  const wanted = { scope: task.scope, resource: task.resource }
  const response = await oauth.clientCredentialsGrantRequest(...server, wanted, plain)
  const { access_token: token, scope } = await oauth.processClientCredentialsResponse(as, client, response)
  const request = new Request(task.api, { headers: { authorization: `Bearer ${token}` } })
  const claims = await oauth.validateJwtAccessToken(as, request, task.resource, plain)
  const called = await call(task, token)
  const before = await introspect(server, token)
  await revoke(server, token)
  return { scope, called, claims, before, after: await introspect(server, token) }
}

const asked = async (as, task, more = {}) => {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: task.client_id,
    redirect_uri: task.redirect_uri,
    response_type: 'code',
    scope: task.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    max_age: '3600',
    state,
    nonce,
    ...more,
  })
  return { url, verifier, state, nonce }
}

const person = async (task) => {
  const server = await found(task)
  const [as, client] = server
  const { url, verifier, state, nonce } = await asked(as, task)
  const answer = oauth.validateAuthResponse(as, client, await visit(url), state)
  const response = await oauth.authorizationCodeGrantRequest(...server, answer, task.redirect_uri, verifier, plain)
  const checks = { expectedNonce: nonce, maxAge: 3600, requireIdToken: true }
  const first = await oauth.processAuthorizationCodeResponse(as, client, response, checks)
  await oauth.validateApplicationLevelSignature(as, response, plain)
  const { sub } = oauth.getValidatedIdTokenClaims(first)
  const about = await oauth.userInfoRequest(as, client, first.access_token, plain)
  const userinfo = await oauth.processUserInfoResponse(as, client, sub, about)
  const second = await refresh(server, first.refresh_token)
  return {
    sub,
    userinfo,
    called: await call(task, second.access_token),
    scope: second.scope,
    rotated: second.refresh_token !== first.refresh_token,
    reused: await refusal(refresh(server, first.refresh_token)),
    family: await refusal(refresh(server, second.refresh_token)),
  }
}

const device = async (task) => {
  const server = await found(task)
  const [as, client] = server
  const response = await oauth.deviceAuthorizationRequest(...server, { scope: task.scope }, plain)
  const waiting = await oauth.processDeviceAuthorizationResponse(as, client, response)
  const poll = async () => {
    const got = await oauth.deviceCodeGrantRequest(...server, waiting.device_code, plain)
    const tokens = await oauth.processDeviceCodeResponse(as, client, got)
    await oauth.validateApplicationLevelSignature(as, got, plain)
    return tokens
  }
  const pending = await refusal(poll())
  await visit(waiting.verification_uri_complete)
  await new Promise((done) => setTimeout(done, waiting.interval * 1000))
  const tokens = await poll()
  await revoke(server, tokens.refresh_token)
  return {
    pending,
    sub: oauth.getValidatedIdTokenClaims(tokens).sub,
    scope: tokens.scope,
    revoked: await refusal(refresh(server, tokens.refresh_token)),
  }
}

const refusals = async (task) => {
  const [as, client] = await found(task)
  const wrong = oauth.ClientSecretBasic('wrong')
  const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, plain)
  const refused = await asked(as, task)
  const arrived = await visit(refused.url, 'deny')
  const answer = (url) => refusal((async () => oauth.validateAuthResponse(as, client, url, refused.state))())
  const denied = await answer(arrived)
  arrived.searchParams.set('iss', 'https://attacker.example')
  const foreign = await answer(arrived)
  const about = oauth.userInfoRequest(as, client, 'nonsense', plain)
  return {
    secret: await refusal(oauth.processClientCredentialsResponse(as, client, response)),
    denied,
    foreign,
    token: await refusal(about.then((got) => oauth.processUserInfoResponse(as, client, oauth.skipSubjectCheck, got))),
  }
}

await tell({ machine, person, device, refusals })
