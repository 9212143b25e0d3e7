// Chromium for the tests of the page, with what they look at in every state of it.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../../build/', import.meta.url));
const { chromium } = require('playwright-core');
const { source: kAxe } = require('axe-core');

export const kWide = { width: 1280, height: 860 };
export const kNarrow = { width: 360, height: 740 };

// With a profile of its own, which is empty.
export function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--no-proxy-server', '--host-resolver-rules=MAP *.test 127.0.0.1'] });
}

// A page that collects what must not happen in `page.faults`: errors of scripts, violations of the
// policy, and failed requests unless the test makes them fail.
export async function openPage(browser, { failuresExpected = false } = {}) {
  const context = await browser.newContext({ viewport: kWide, reducedMotion: 'reduce', timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('console', (message) => {
    const text = message.text();
    const isFailure = text.startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !(isFailure && failuresExpected)) page.faults.push(text);
  });
  return page;
}

// Makes the page ask for everything again, as when a person comes back to its tab.
export function refresh(page) {
  return page.evaluate(() => { document.dispatchEvent(new Event('visibilitychange')); });
}

async function findingsOfAxe(page) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(`${kAxe}; 0`);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n')}`);
}

async function checkLook(page, name, size, colorScheme) {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  const look = `${name}-${size === kWide ? 'wide' : 'narrow'}-${colorScheme}`;
  const tooWide = await page.evaluate(() => [document.scrollingElement, ...document.querySelectorAll('dialog[open]')]
    .some((element) => element.scrollWidth > element.clientWidth));
  assert.equal(tooWide, false, `${look} scrolls sideways`);
  assert.equal((await findingsOfAxe(page)).join('\n'), '', look);
  if (process.env.SCREENSHOTS) {
    mkdirSync(process.env.SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${look}.png`) });
  }
}

// Wide and narrow, light and dark. With all four, colours and layout would be looked at twice.
export async function checkLooks(page, name) {
  await checkLook(page, name, kNarrow, 'dark');
  await checkLook(page, name, kWide, 'light');
}

// Presses Tab until the element has the focus, which must be visible.
export async function tabTo(page, selector, key = 'Tab') {
  for (let i = 0; i < 80; ++i) {
    await page.keyboard.press(key);
    const outline = await page.evaluate((wanted) => document.activeElement.matches(wanted) &&
      getComputedStyle(document.activeElement).outlineStyle, selector);
    if (!outline) continue;
    assert.notEqual(outline, 'none', `the focus on ${selector} is not visible`);
    return;
  }
  assert.fail(`${selector} cannot be reached with ${key}`);
}
