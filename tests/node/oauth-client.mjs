// Completes every grant against the authorization server at BASE with oauth4webapi, which checks each
// answer against the RFCs. The person who consents is a few lines of this program.
// Ends with an error at the first difference from what a client relies on.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { BASE, KEY, GPT, CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID, TEST_NODE_MODULES } = process.env;
const library = createRequire(`${TEST_NODE_MODULES}/`).resolve('oauth4webapi');
const oauth = await import(pathToFileURL(library));

const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(BASE);
const redirectUri = 'https://client.example/callback';
const loopback = 'http://127.0.0.1:52345/callback';
const confidential = { client_id: CLIENT_ID };
const app = { client_id: PUBLIC_CLIENT_ID };
const methods = { basic: oauth.ClientSecretBasic(CLIENT_SECRET), post: oauth.ClientSecretPost(CLIENT_SECRET) };

async function discover() {
  const resource = await oauth.processResourceDiscoveryResponse(
    issuer,
    await oauth.resourceDiscoveryRequest(issuer, insecure),
  );
  assert.deepEqual(resource.authorization_servers, [BASE]);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  const server = await oauth.processDiscoveryResponse(issuer, answer);
  assert.deepEqual(server.code_challenge_methods_supported, ['S256']);
  return server;
}

/** What a browser and a person do: open the page, fill in the key, send the form, be sent back. */
async function consent(server, parameters) {
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams(parameters);
  const page = await fetch(url, { redirect: 'manual' });
  assert.equal(page.status, 200);
  const [, ticket] = /name="ticket" value="([^"]+)"/.exec(await page.text());
  const answer = await fetch(server.authorization_endpoint, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: page.headers.get('set-cookie').split(';')[0] },
    body: new URLSearchParams({ ticket, key: KEY, decision: 'allow' }),
  });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get('location'));
}

async function authorizationCode(server, client, authentication, uri, usesPkce) {
  const state = oauth.generateRandomState();
  const verifier = usesPkce ? oauth.generateRandomCodeVerifier() : oauth.nopkce;
  const parameters = { response_type: 'code', client_id: client.client_id, redirect_uri: uri, state, resource: BASE };
  if (usesPkce) {
    parameters.code_challenge = await oauth.calculatePKCECodeChallenge(verifier);
    parameters.code_challenge_method = 'S256';
  }
  const back = await consent(server, parameters);
  assert.equal(back.origin + back.pathname, uri);
  // Checks `state` and, since the metadata promises it, `iss`.
  const callback = oauth.validateAuthResponse(server, client, back, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, callback, uri, verifier, insecure,
  );
  return oauth.processAuthorizationCodeResponse(server, client, answer);
}

/** Reads and writes with the token, as the resource server's own clients do. */
async function use(token) {
  const url = new URL(`${BASE}/v1/gpts/${GPT}/collections`);
  const headers = new Headers({ 'content-type': 'application/json' });
  const body = JSON.stringify({ name: 'notes' });
  const made = await oauth.protectedResourceRequest(token, 'POST', url, headers, body, insecure);
  assert([200, 201].includes(made.status), await made.text());
  const listed = await oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, insecure);
  assert.equal((await listed.json()).items[0].name, 'notes');
}

/** Checks the token as an independent resource server does: RFC 9068, with the keys of `jwks_uri`. */
async function verify(server, client, token) {
  const request = new Request(BASE, { headers: { authorization: `Bearer ${token}` } });
  const claims = await oauth.validateJwtAccessToken(server, request, BASE, insecure);
  assert.equal(claims.client_id, client.client_id);
  assert.equal(claims.gpt_id, GPT);
  return claims;
}

async function refresh(server, client, authentication, tokens, scope) {
  const options = { ...insecure, additionalParameters: scope ? { scope } : {} };
  const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, options);
  const renewed = await oauth.processRefreshTokenResponse(server, client, answer);
  assert.notEqual(renewed.refresh_token, tokens.refresh_token, 'refresh tokens rotate');
  assert.notEqual(renewed.access_token, tokens.access_token);
  return renewed;
}

async function introspect(server, client, authentication, token) {
  const answer = await oauth.introspectionRequest(server, client, authentication, token, insecure);
  return oauth.processIntrospectionResponse(server, client, answer);
}

async function revoke(server, client, authentication, token) {
  const answer = await oauth.revocationRequest(server, client, authentication, token, insecure);
  await oauth.processRevocationResponse(answer);
}

/** The life of one session, from consent to revocation. */
async function session(server, client, authentication, uri, usesPkce) {
  const tokens = await authorizationCode(server, client, authentication, uri, usesPkce);
  assert.equal(tokens.token_type, 'bearer');
  assert(tokens.expires_in > 0 && tokens.expires_in <= 3600);
  const claims = await verify(server, client, tokens.access_token);
  assert.equal(claims.scope, tokens.scope);
  await use(tokens.access_token);
  const narrow = await refresh(server, client, authentication, tokens, 'objects:read');
  assert.equal(narrow.scope, 'objects:read');
  const wide = await refresh(server, client, authentication, narrow);
  assert.equal(wide.scope, tokens.scope, 'a narrow token does not narrow the session');
  await use(wide.access_token);
  if (authentication !== anonymous) {
    const seen = await introspect(server, client, authentication, wide.access_token);
    assert.deepEqual([seen.active, seen.client_id, seen.scope], [true, client.client_id, wide.scope]);
    assert.equal((await introspect(server, client, authentication, wide.refresh_token)).active, true);
  }
  await revoke(server, client, authentication, wide.refresh_token);
  const over = await fetch(`${BASE}/v1/limits`, { headers: { authorization: `Bearer ${wide.access_token}` } });
  assert.equal(over.status, 401, 'a revoked token is refused at once');
  assert.match(over.headers.get('www-authenticate'), /resource_metadata="[^"]+\/.well-known\/oauth-protected-resource"/);
  if (authentication !== anonymous) {
    assert.deepEqual(await introspect(server, client, authentication, wide.access_token), { active: false });
  }
}

async function clientCredentials(server, authentication) {
  const answer = await oauth.clientCredentialsGrantRequest(
    server, confidential, authentication, { scope: 'objects:read objects:write' }, insecure,
  );
  const tokens = await oauth.processClientCredentialsResponse(server, confidential, answer);
  assert.equal(tokens.refresh_token, undefined);
  const claims = await verify(server, confidential, tokens.access_token);
  assert.equal(claims.sub, `application:${CLIENT_ID}`);
  await use(tokens.access_token);
}

const anonymous = oauth.None();
const server = await discover();
for (const authentication of Object.values(methods)) {
  for (const usesPkce of [true, false]) {
    await session(server, confidential, authentication, redirectUri, usesPkce);
  }
  await clientCredentials(server, authentication);
}
await session(server, app, anonymous, loopback, true);
