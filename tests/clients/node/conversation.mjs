// What tests/clients/programs.py says and hears: one JSON object a line, the task first and what was seen last.
import { webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'

// Globals from Node 20 on; both libraries expect them.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

const input = createInterface({ input: process.stdin })
const lines = input[Symbol.asyncIterator]()
const hear = async () => JSON.parse((await lines.next()).value)
const say = (said) => process.stdout.write(`${JSON.stringify(said)}\n`)

export const tell = async (stories) => {
  const task = await hear()
  say({ done: await stories[task.story](task) })
  input.close()
}

// Somebody's browser goes there; the address that the portal sends it to at last.
export const visit = async (url, decision = 'allow') => {
  say({ visit: String(url), decision })
  return new URL((await hear()).arrived)
}

export const privateKey = async ({ kid, ...jwk }) => {
  const kinds = { EC: { name: 'ECDSA', namedCurve: 'P-256' }, RSA: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } }
  return { kid, key: await crypto.subtle.importKey('jwk', jwk, kinds[jwk.kty], false, ['sign']) }
}

// The error that the portal named, as the library found it; where it named none, the library's own code.
export const refusal = async (promise) => {
  try {
    await promise
  } catch (error) {
    const challenge = error.code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' ? error : error.cause
    if (!Array.isArray(challenge?.cause)) return error.error ?? error.code ?? String(error)
    return challenge.cause[0].parameters.error ?? (await challenge.response.json()).error
  }
  return 'nothing was refused'
}
