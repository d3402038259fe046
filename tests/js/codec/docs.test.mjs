// The JavaScript examples of the reference print what the comments beside them say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { format } from "node:util";

const root = new URL("../../../", import.meta.url);
const page = readFileSync(new URL("docs/reference/compression-api.md", root), "utf8");
const examples = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);

test("the reference has examples", () => assert.ok(examples.length > 0));

for (const [number, code] of examples.entries()) {
  test(`example ${number}`, async (context) => {
    const printed = [];
    context.mock.method(console, "log", (...values) => printed.push(format(...values)));
    const module = code.replaceAll('"/static/', `"${new URL("static/", root)}`);
    await import(`data:text/javascript,${encodeURIComponent(module)}`);
    const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, comment]) => comment);
    assert.deepEqual(printed, expected);
  });
}
