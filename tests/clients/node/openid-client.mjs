import { privateKey, refusal, tell, visit } from './conversation.mjs'
import * as client from 'openid-client'

const AUTHENTICATION = {
  client_secret_basic: (task) => client.ClientSecretBasic(task.client_secret),
  client_secret_post: (task) => client.ClientSecretPost(task.client_secret),
  private_key_jwt: async (task) => client.PrivateKeyJwt(await privateKey(task.key)),
  none: () => client.None(),
}

// The portal of the tests speaks plain HTTP on loopback, which the library does only when told to.
const found = async (task, options = {}, authentication = undefined) =>
  client.discovery(
    new URL(task.issuer),
    task.client_id,
    undefined,
    authentication ?? (await AUTHENTICATION[task.method](task)),
    { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks], ...options },
  )

const call = async (config, task, token) =>
  (await client.fetchProtectedResource(config, token, new URL(task.api), 'GET')).status

const machine = async (task) => {
  const config = await found(task, { algorithm: 'oauth2' })
  const wanted = { scope: task.scope, resource: task.resource }
  const { access_token: token, scope } = await client.clientCredentialsGrant(config, wanted)
  const called = await call(config, task, token)
  const before = await client.tokenIntrospection(config, token)
  await client.tokenRevocation(config, token)
  return { scope, called, before, after: await client.tokenIntrospection(config, token) }
}

const asked = async (config, task) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: task.redirect_uri,
    scope: task.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    max_age: '3600',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  })
  return [url, { ...checks, maxAge: 3600, idTokenExpected: true }]
}

const person = async (task) => {
  const config = await found(task)
  const [url, checks] = await asked(config, task)
  const first = await client.authorizationCodeGrant(config, await visit(url), checks)
  const { sub } = first.claims()
  const userinfo = await client.fetchUserInfo(config, first.access_token, sub)
  const second = await client.refreshTokenGrant(config, first.refresh_token)
  return {
    sub,
    userinfo,
    called: await call(config, task, second.access_token),
    scope: second.scope,
    rotated: second.refresh_token !== first.refresh_token,
    reused: await refusal(client.refreshTokenGrant(config, first.refresh_token)),
    family: await refusal(client.refreshTokenGrant(config, second.refresh_token)),
  }
}

const device = async (task) => {
  const config = await found(task)
  const waiting = await client.initiateDeviceAuthorization(config, { scope: task.scope })
  await visit(waiting.verification_uri_complete)
  const tokens = await client.pollDeviceAuthorizationGrant(config, waiting)
  await client.tokenRevocation(config, tokens.refresh_token)
  return {
    sub: tokens.claims().sub,
    scope: tokens.scope,
    revoked: await refusal(client.refreshTokenGrant(config, tokens.refresh_token)),
  }
}

const refusals = async (task) => {
  const config = await found(task)
  const wrong = await found(task, {}, client.ClientSecretBasic('wrong'))
  const [url, checks] = await asked(config, task)
  const arrived = await visit(url, 'deny')
  const denied = await refusal(client.authorizationCodeGrant(config, arrived, checks))
  arrived.searchParams.set('iss', 'https://attacker.example')
  return {
    secret: await refusal(client.clientCredentialsGrant(wrong)),
    denied,
    foreign: await refusal(client.authorizationCodeGrant(config, arrived, checks)),
    token: await refusal(client.fetchUserInfo(config, 'nonsense', client.skipSubjectCheck)),
  }
}

await tell({ machine, person, device, refusals })
