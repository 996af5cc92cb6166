/**
 * `cresset lens`: serves the lens page, the playground and the named files to this computer alone. The address holds a
 * random token, nothing is looked up by a path that a request gives, and answers go to pages of this server only.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** What is served. */
export interface LensOptions {
  /** Checkpoints that the page opens; two are compared. */
  readonly files?: readonly string[];
  /** Opens the page with its demo. */
  readonly demo?: boolean;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** The folder of the built pages; found beside this program by default. */
  readonly pages?: string;
}

/** A server that runs. */
export interface LensServer {
  /** Where the page is; whoever knows it can read the named files. */
  readonly url: string;
  close(): Promise<void>;
}

/** A file that may be asked for, under one name. */
interface Named {
  readonly path: string;
  readonly name: string;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  json: "application/json",
};

/** No answer may be framed, sniffed, kept, or read by another site; pages may use shared memory, for threads. */
const headers: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

function pagesFolder(): string {
  const places = ["./web/", "../web/", "../../dist/web/"].map((to) => fileURLToPath(new URL(to, import.meta.url)));
  const found = places.find((place) => existsSync(resolve(place, "lens.html")));
  if (found === undefined) throw new Error(`the pages are not built: looked for lens.html in ${places.join(", ")}`);
  return found;
}

function namedFiles(paths: readonly string[]): Named[] {
  return paths.map((given) => {
    const path = resolve(given);
    if (!existsSync(path)) throw new Error(`${given}: no such file`);
    if (!statSync(path).isFile()) throw new Error(`${given} is not a file`);
    return { path, name: basename(path) };
  });
}

/** The policy that a page states itself, sent as a header too, where it can also forbid frames. */
function policyOf(page: string): string {
  const stated = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1];
  return `${stated ?? "default-src 'none'"}; frame-ancestors 'none'`;
}

/** What one server knows. */
class Site {
  readonly token: string = randomBytes(24).toString("base64url");
  readonly #files: readonly Named[];
  /** Page files by name: a request's path is only ever a key here. */
  readonly #pages: ReadonlyMap<string, string>;
  /** `Host` headers that a request to this server has; other names could be made to resolve to this address. */
  hosts: readonly string[] = [];

  constructor(files: readonly Named[], pages: string) {
    this.#files = files;
    const names = readdirSync(pages).filter((name) => statSync(resolve(pages, name)).isFile());
    this.#pages = new Map(names.map((name) => [name, resolve(pages, name)]));
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    const refusal = this.#refusal(request);
    if (refusal !== null) end(response, ...refusal);
    else this.#give(response, (request.url ?? "").slice(this.token.length + 2).split("?")[0]!);
  }

  #give(response: ServerResponse, path: string): void {
    const index = /^files\/(0|[1-9]\d{0,5})$/.exec(path)?.[1];
    const file = index === undefined ? undefined : this.#files[Number(index)];
    const page = this.#pages.get(path);
    if (path === "files.json") send(response, "json", JSON.stringify(this.#files.map(({ name }) => name)));
    else if (file !== undefined) stream(response, file.path);
    else if (page !== undefined) this.#givePage(response, page);
    else end(response, 404, "not found");
  }

  #givePage(response: ServerResponse, path: string): void {
    const text = readFileSync(path);
    const kind = path.split(".").at(-1)!;
    if (kind === "html") response.setHeader("Content-Security-Policy", policyOf(text.toString()));
    send(response, kind, text);
  }

  /** Why a request gets no answer. Whatever lacks the token learns no more than that. */
  #refusal({ url = "", headers, method }: IncomingMessage): [number, string] | null {
    if (!this.hosts.includes(headers.host ?? "")) return [403, "this server answers to its own address only"];
    if (method !== "GET" && method !== "HEAD") return [405, "only GET and HEAD"];
    const site = headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none") return [403, "not for other sites"];
    return url[0] === "/" && equal(url.slice(1).split("/")[0]!, this.token) && url[this.token.length + 1] === "/"
      ? null
      : [404, "not found"];
  }
}

function equal(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

function send(response: ServerResponse, kind: string, text: string | Uint8Array): void {
  response.writeHead(200, { "Content-Type": types[kind] ?? "application/octet-stream" }).end(text);
}

function stream(response: ServerResponse, path: string): void {
  const source = createReadStream(path);
  source.once("open", () => {
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    source.pipe(response);
  });
  source.once("error", (error) => {
    if (response.headersSent) response.destroy();
    else end(response, 500, `cannot be read: ${error.message}`);
  });
  response.once("close", () => source.destroy());
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => done((server.address() as AddressInfo).port));
  });
}

/**
 * Serves the lens on this computer's loopback address until `close` is called. Throws before anything is served where a
 * file does not exist or the pages are not built.
 * @example
 * const { url, close } = await serveLens({ files: ["model.pt"] });
 * await close();
 */
export async function serveLens(options: LensOptions = {}): Promise<LensServer> {
  const { files = [], demo = false, port = 0, pages = pagesFolder() } = options;
  const site = new Site(namedFiles(files), pages);
  const server = createServer((request, response) => site.answer(request, response));
  const taken = await listen(server, port);
  site.hosts = [`127.0.0.1:${taken}`, `localhost:${taken}`];
  const asked = files.length > 0 ? "?files" : demo ? "?demo" : "";
  return {
    url: `http://127.0.0.1:${taken}/${site.token}/lens.html${asked}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
