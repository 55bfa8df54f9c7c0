// Login providers for the tests: oidc-provider (a certified implementation), once as it is, and once for each service
// whose routes it wears; what those say of people beside OpenID Connect is answered here. Behind nginx, by host name.
//
// usage: node login_provider.mjs PORT REDIRECT_URI PEOPLE.json     (people are read anew at every login)
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port, redirectUri, peopleFile] = process.argv.slice(2);
const people = () => JSON.parse(readFileSync(peopleFile, 'utf8'));

const ROUTES = {
  'login.test': {},
  'liar.test': {},
  'auth0.test': { authorization: '/authorize', token: '/oauth/token', userinfo: '/userinfo' },
  'accounts.google.com': { authorization: '/o/oauth2/v2/auth', token: '/token', userinfo: '/v1/userinfo' },
  'gitlab.test': { authorization: '/oauth/authorize', token: '/oauth/token', userinfo: '/oauth/userinfo' },
  'github.test': { authorization: '/login/oauth/authorize', token: '/login/oauth/access_token' },
  'bitbucket.org': { authorization: '/site/oauth2/authorize', token: '/site/oauth2/access_token' },
};
const SECRET_IN = { 'github.test': 'client_secret_post', 'auth0.test': 'client_secret_post' };

function provider(host) {
  const made = new Provider(host === 'liar.test' ? 'https://someone-else.test' : `https://${host}`, {
    clients: [{
      client_id: 'hub', client_secret: 'the secret of the hub', redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: SECRET_IN[host] ?? 'client_secret_basic',
    }],
    routes: ROUTES[host],
    scopes: ['openid', 'offline_access', 'read:org', 'user:email', 'account'],
    claims: {
      openid: ['sub'], profile: ['preferred_username', 'groups', 'hd'], email: ['email', 'email_verified'],
    },
    conformIdTokenClaims: false,
    clockTolerance: 0, // a token that has ended is refused at once
    ttl: { AccessToken: () => people().lasts ?? 3600 },
    issueRefreshToken: async () => Boolean(people().refreshes),
    rotateRefreshToken: () => Boolean(people().rotates), // whoever uses one twice is logged out
    cookies: { keys: ['a key of the tests'] },
    findAccount: async (_, id) => people()[id] && { accountId: id, claims: async () => ({ sub: id, ...people()[id] }) },
  });
  made.proxy = true;
  return made;
}
const providers = Object.fromEntries(Object.keys(ROUTES).map((host) => [host, provider(host)]));

async function bearer(request, host) {
  const token = (request.headers.authorization ?? '').split(' ')[1];
  const found = token && (await providers[host].AccessToken.find(token));
  return found ? people()[found.accountId] : undefined;
}

function reply(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function github(request, response) {
  const person = await bearer(request, 'github.test');
  if (!person) return reply(response, 401, { message: 'Bad credentials' });
  const path = request.url.replace('/api/v3', '');
  const member = path.match(/^\/user\/memberships\/orgs\/([^/]+)$/);
  const team = path.match(/^\/orgs\/([^/]+)\/teams\/([^/]+)\/memberships\/([^/]+)$/);
  if (path === '/user') return reply(response, 200, { id: person.id, login: person.login, email: null });
  if (path === '/user/emails') return reply(response, 200, [{ email: person.email, verified: person.email_verified }]);
  const entry = member ? member[1] : team && team[3] === person.login ? `${team[1]}/${team[2]}` : '';
  if ((person.organizations ?? []).includes(entry)) return reply(response, 200, { state: 'active' });
  return reply(response, 404, { message: 'Not Found' });
}

createServer(async (request, response) => {
  const host = request.headers.host;
  if (host === 'github.test' && request.url.startsWith('/api/v3/')) return github(request, response);
  if (host === 'api.bitbucket.org' && request.url === '/2.0/user') {
    const person = await bearer(request, 'bitbucket.org');
    return person ? reply(response, 200, { uuid: person.uuid, username: person.login, display_name: 'ada' })
      : reply(response, 401, {});
  }
  if (!providers[host]) return reply(response, 404, {});
  return providers[host].callback()(request, response);
}).listen(Number(port), '127.0.0.1');
