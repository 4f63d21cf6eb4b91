// Opens the consent page at BASE in Chromium, as a person on a phone does, in light and in dark, and
// goes each way out of it. Speaks the DevTools protocol over a pipe, which needs no library.
// Ends with an error at the first difference from what a person relies on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { writeFile } from 'node:fs/promises';

const { BASE, KEY, WRONG_KEY, CLIENT_ID, PORT, ELSEWHERE_PORT, TEST_CHROMIUM, PROFILE, PICTURES } = process.env;
const callback = `http://127.0.0.1:${PORT}/callback`;

/** A browser with one tab. */
class Browser {
  #next = 1;
  #waiting = new Map();
  #listeners = [];

  static async start() {
    const browser = new Browser();
    browser.process = spawn(TEST_CHROMIUM, [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--remote-debugging-pipe', `--user-data-dir=${PROFILE}`,
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    let heard = '';
    browser.process.stdio[4].setEncoding('utf8').on('data', chunk => {
      const messages = (heard + chunk).split('\0');
      heard = messages.pop();
      messages.forEach(message => browser.#hear(JSON.parse(message)));
    });
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
    const attached = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.session = attached.sessionId;
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await browser.send(`${domain}.enable`);
    return browser;
  }

  #hear({ id, method, params, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting) error ? waiting.reject(new Error(error.message)) : waiting.resolve(result);
    else this.#listeners.forEach(listener => listener(method, params));
  }

  send(method, params = {}) {
    const id = this.#next++;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  on(wanted, listener) {
    this.#listeners.push((method, params) => method === wanted && listener(params));
  }

  /** Does something that leads to another page, and waits until that is there. */
  async loads(act) {
    const loaded = new Promise(resolve => {
      const listener = method => {
        if (method !== 'Page.loadEventFired') return;
        this.#listeners.splice(this.#listeners.indexOf(listener), 1);
        resolve();
      };
      this.#listeners.push(listener);
    });
    await act();
    await loaded;
  }

  open(url) {
    return this.loads(() => this.send('Page.navigate', { url }));
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    assert.equal(exceptionDetails, undefined, expression);
    return result.value;
  }

  async press(key, code) {
    for (const type of ['keyDown', 'keyUp']) {
      await this.send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: code, text: key === 'Enter' ? '\r' : undefined });
    }
  }

  /** Clicks where a person would. */
  async click(selector) {
    const { x, y } = await this.evaluate(`(() => {
      const element = document.querySelector('${selector}');
      element.scrollIntoView({ block: 'center' });
      const box = element.getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    })()`);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
    }
  }

  async picture(name) {
    if (!PICTURES) return;
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true });
    await writeFile(`${PICTURES}/${name}.png`, data, 'base64');
  }
}

/** The application: keeps what it is sent, and sends the browser on to another of its hosts. */
function application() {
  const seen = [];
  const listen = (port, answer) => createServer(answer).listen(port, '127.0.0.1');
  const servers = [
    listen(PORT, (request, response) => {
      if (!request.url.startsWith('/callback')) return response.writeHead(404).end();
      seen.push({ url: new URL(request.url, callback), referer: request.headers.referer });
      response.writeHead(302, { location: `http://127.0.0.1:${ELSEWHERE_PORT}/done` }).end();
    }),
    listen(ELSEWHERE_PORT, (request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>done</title><p>done</p>');
    }),
  ];
  return { seen, close: () => servers.forEach(server => server.close()) };
}

const asks = state => {
  const query = new URLSearchParams({ response_type: 'code', client_id: CLIENT_ID, redirect_uri: callback, state });
  return `${BASE}/oauth/authorize?${query}`;
};
const focused = browser => browser.evaluate('document.activeElement.id');
const fault = browser => browser.evaluate("document.querySelector('[role=alert]')?.textContent");

async function looksRight(browser) {
  for (const [name, width, colors] of [['wide-light', 1200, 'light'], ['wide-dark', 1200, 'dark'], ['narrow-light', 320, 'light'], ['narrow-dark', 320, 'dark']]) {
    await browser.send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 2, mobile: width < 500 });
    await browser.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: colors }] });
    await browser.open(asks('look'));
    await browser.picture(name);
    assert(await browser.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'), `${name}: nothing is cut off`);
    const background = await browser.evaluate('getComputedStyle(document.body).backgroundColor');
    const [red] = /\d+/.exec(background);
    assert.equal(Number(red) < 100, colors === 'dark', `${name}: the style is in force (${background})`);
  }
}

async function aPersonAllows(browser, seen) {
  await browser.open(asks('first'));
  assert.match(await browser.evaluate('document.title'), /Notes/);
  assert.equal(await browser.evaluate("document.querySelector('label').control.type"), 'password');
  // A wrong key: the fault is in its place, and the cursor is where it is to be put right.
  await browser.click('#key');
  await browser.send('Input.insertText', { text: WRONG_KEY });
  await browser.loads(() => browser.press('Enter', 13));
  assert.match(await fault(browser), /not known/);
  assert.equal(await focused(browser), 'key');
  assert.equal(await browser.evaluate("document.querySelector('#key').value"), '', 'a key never comes back');
  await browser.picture('fault');
  // The right one, by keyboard alone. The callback sends on to another origin, which works too.
  await browser.send('Input.insertText', { text: KEY });
  await browser.loads(() => browser.press('Enter', 13));
  assert.equal(await browser.evaluate('document.title'), 'done');
  const { url, referer } = seen.pop();
  assert.match(url.searchParams.get('code'), /^goc_/);
  assert.equal(url.searchParams.get('state'), 'first');
  assert.equal(url.searchParams.get('iss'), BASE);
  assert.equal(referer, undefined);
}

async function aPersonCancels(browser, seen) {
  await browser.open(asks('second'));
  await browser.loads(() => browser.click('button[value=cancel]'));
  const { url } = seen.pop();
  assert.equal(url.searchParams.get('error'), 'access_denied');
  assert.equal(url.searchParams.get('state'), 'second');
  assert.equal(url.searchParams.get('code'), null);
}

/** The pages of two requests, open in one browser, both work. */
async function twoPages(browser, seen) {
  await browser.open(asks('older'));
  const older = await browser.evaluate("document.querySelector('[name=ticket]').value");
  await browser.open(asks('newer'));
  await browser.evaluate(`document.querySelector('[name=ticket]').value = '${older}'`);
  await browser.click('#key');
  await browser.send('Input.insertText', { text: KEY });
  await browser.loads(() => browser.press('Enter', 13));
  assert.equal(seen.pop().url.searchParams.get('state'), 'older');
}

/** A page of another origin can neither frame the page nor send its form. */
async function anotherOrigin(browser, seen) {
  await browser.open(asks('victim'));
  const ticket = await browser.evaluate("document.querySelector('[name=ticket]').value");
  await browser.open(`http://127.0.0.1:${ELSEWHERE_PORT}/`);
  await browser.evaluate(`document.body.innerHTML = '<form method=post action="${BASE}/oauth/authorize"><input name=ticket value="${ticket}"><input name=key value="${KEY}"><input name=decision value=allow></form>'`);
  await browser.loads(() => browser.evaluate('document.forms[0].submit()'));
  assert.match(await browser.evaluate('document.body.textContent'), /did not come from the page/);
  assert.equal(seen.length, 0);
  await browser.open(`http://127.0.0.1:${ELSEWHERE_PORT}/`);
  const refused = new Promise(resolve => browser.on('Log.entryAdded', ({ entry }) => /frame/i.test(entry.text) && resolve(entry.text)));
  await browser.evaluate(`document.body.append(Object.assign(document.createElement('iframe'), { src: '${asks('framed')}' })) ?? 0`);
  assert.match(await refused, /frame-ancestors|X-Frame-Options/i);
}

const { seen, close } = application();
const browser = await Browser.start();
const complaints = [];
browser.on('Log.entryAdded', ({ entry }) => complaints.push(entry.text));
try {
  await looksRight(browser);
  await aPersonAllows(browser, seen);
  await aPersonCancels(browser, seen);
  await twoPages(browser, seen);
  const policy = complaints.filter(text => /Content Security Policy/.test(text));
  assert.deepEqual(policy, [], 'the policy allows what the page does');
  await anotherOrigin(browser, seen);
} finally {
  browser.process.kill();
  close();
}
