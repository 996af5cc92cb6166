/** The server of `cresset lens`: what it answers, and above all what it does not. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as ask } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LensServer, serveLens } from "../../src/cli/lens.ts";

const folder = mkdtempSync(join(tmpdir(), "cresset-"));
const pages = join(folder, "pages");
const policy = "default-src 'none'; script-src 'self'";
let server: LensServer;
let port: number;
let token: string;

beforeAll(async () => {
  mkdirSync(pages);
  writeFileSync(join(pages, "lens.html"), `<meta http-equiv="Content-Security-Policy" content="${policy}">`);
  writeFileSync(join(folder, "a.pt"), "the file");
  writeFileSync(join(folder, "secret.txt"), "secret");
  server = await serveLens({ files: [join(folder, "a.pt")], pages });
  const url = new URL(server.url);
  port = Number(url.port);
  token = url.pathname.split("/")[1]!;
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Asks without tidying the path, as an attacker does. */
function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = ask({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => done({ status: response.statusCode!, text, headers: response.headers }));
    });
    sent.on("error", fail).end();
  });
}

test("with the token it serves the pages and the named files", async () => {
  expect(server.url).toBe(`http://127.0.0.1:${port}/${token}/lens.html?files`);
  expect((await get(`/${token}/files.json`)).text).toBe('["a.pt"]');
  expect((await get(`/${token}/files/0`)).text).toBe("the file");
  expect((await get(`/${token}/lens.html?files`)).headers["content-type"]).toBe("text/html; charset=utf-8");
});

test("a page's own policy is sent as a header that forbids frames, too", async () => {
  const { headers } = await get(`/${token}/lens.html`);
  expect(headers["content-security-policy"]).toBe(`${policy}; frame-ancestors 'none'`);
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["referrer-policy"]).toBe("no-referrer");
  expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
});

test("tokens are long and differ from run to run", async () => {
  const other = await serveLens({ pages });
  expect(token).toMatch(/^[\w-]{32}$/);
  expect(new URL(other.url).pathname.split("/")[1]).not.toBe(token);
  await other.close();
});

test.each([
  ["no token", () => "/files/0"],
  ["a wrong one", () => `/${"x".repeat(32)}/files/0`],
  ["a part of it", () => `/${token.slice(0, 31)}/files/0`],
  ["more than it", () => `/${token}x/files/0`],
  ["it in the query", () => `/files/0?${token}`],
  ["an absolute address", () => `http://127.0.0.1/${token}/files/0`],
])("with %s there is nothing", async (_, path) => {
  expect((await get(path())).status).toBe(404);
});

test.each([
  "../a.pt",
  "../secret.txt",
  "..%2fsecret.txt",
  "%2e%2e/secret.txt",
  "..\\secret.txt",
  "files/../../secret.txt",
  "files/0/../../secret.txt",
  "files/1",
  "files/-1",
  "files/00",
  "files/0x0",
  "files/secret.txt",
  "/etc/passwd",
  "lens.html/",
  "lens.html%00.js",
  "",
])("no path leads outside of what was named: %s", async (path) => {
  const { status, text } = await get(`/${token}/${path}`);
  expect(status).toBe(404);
  expect(text).toBe("not found\n");
});

test.each([
  "evil.example",
  "evil.example:80",
  "127.0.0.1",
  "127.0.0.1:1",
  "127.0.0.1.evil.example",
])("a request for the host %j is refused, so that no other name can be made to point here", async (host) => {
  expect((await get(`/${token}/files/0`, { host })).status).toBe(403);
});

test("localhost is its own name, too", async () => {
  expect((await get(`/${token}/files/0`, { host: `localhost:${port}` })).status).toBe(200);
});

test.each(["cross-site", "same-site"])("a request that a browser calls %s is refused", async (site) => {
  expect((await get(`/${token}/files/0`, { "sec-fetch-site": site })).status).toBe(403);
});

test("nothing can be sent to it", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const { status, headers } = await get(`/${token}/files/0`, {}, method);
    expect(status).toBe(405);
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  }
});

test("it listens on loopback only", async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((face) => face !== undefined && !face.internal && face.family === "IPv4");
  if (outside === undefined) return console.log("skipped in part: this machine has no other address");
  const reached = await new Promise((done) => {
    const socket = connect({ host: outside.address, port, timeout: 2000 });
    socket.on("connect", () => done(true)).on("error", () => done(false));
    socket.on("timeout", () => done(false));
  });
  expect(reached).toBe(false);
});

test("a file that goes away is an error that says so", async () => {
  const path = join(folder, "gone.pt");
  writeFileSync(path, "x");
  const other = await serveLens({ files: [path], pages });
  rmSync(path);
  const answer = await fetch(other.url.replace("lens.html?files", "files/0"));
  expect(answer.status).toBe(500);
  expect(await answer.text()).toContain("cannot be read");
  await other.close();
});

test("what does not exist or is no file is refused before anything is served", async () => {
  await expect(serveLens({ files: [join(folder, "no.pt")], pages })).rejects.toThrow("no.pt: no such file");
  await expect(serveLens({ files: [folder], pages })).rejects.toThrow("is not a file");
});

test("the built pages state policies that allow no foreign address", () => {
  for (const page of ["lens.html", "playground.html"]) {
    const path = join("dist/web", page);
    expect(existsSync(path)).toBe(true);
    const stated = /Content-Security-Policy" content="([^"]*)"/.exec(readFileSync(path, "utf8"))![1]!;
    const sources = stated.split(";").flatMap((directive) => directive.trim().split(" ").slice(1));
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "'wasm-unsafe-eval'", "blob:"]));
    expect(stated).toMatch(/default-src 'none'.*worker-src blob:/);
  }
});
