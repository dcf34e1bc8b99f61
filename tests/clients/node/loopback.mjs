// The libraries as they are, told that plain HTTP is right: the portal of the tests has it on loopback, and no other.
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

const plain = { [oauth.allowInsecureRequests]: true }
const discovery = (server, id, secret) =>
  client.discovery(server, id, secret, undefined, { execute: [client.allowInsecureRequests] })
const discoveryRequest = (issuer) => oauth.discoveryRequest(issuer, plain)
const validateJwtAccessToken = (...given) => oauth.validateJwtAccessToken(...given, plain)

export const told = { client: { ...client, discovery }, oauth: { ...oauth, discoveryRequest, validateJwtAccessToken } }
