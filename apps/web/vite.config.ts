import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin, type Rollup } from "vite";

const demo = join(import.meta.dirname, "../../packages/data/demo");

/** The demonstration sets as files of the site: `demo/plane/index.json` and what it names. */
function demoFiles(): Plugin {
  const files = ["plane", "brain"].flatMap((set) =>
    readdirSync(join(demo, set), { recursive: true, encoding: "utf8" })
      .map((file) => `${set}/${file.replaceAll("\\", "/")}`)
      .filter((file) => /\.(png|json)$/.test(file)),
  );
  const types = { png: "image/png", json: "application/json" };
  return {
    name: "demo-files",
    configureServer(server) {
      server.middlewares.use("/demo", (request, response, next) => {
        const file = files.find((name) => `/${name}` === request.url);
        if (!file) return next();
        response.setHeader("content-type", types[file.endsWith("png") ? "png" : "json"]);
        response.end(readFileSync(join(demo, file)));
      });
    },
    generateBundle() {
      for (const file of files) this.emitFile({ type: "asset", fileName: `demo/${file}`, source: readFileSync(join(demo, file)) });
    },
  };
}

/** Own origin only. The built page carries it; a server should send it too, for a worker obeys the header alone. */
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Not in development, where Vite puts styles and its own client into the page. */
const contentPolicy = (): Plugin => ({
  name: "content-policy",
  apply: "build",
  transformIndexHtml: () => [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" }],
});

/** Comments of dependencies that Rollup cannot use are nobody's business here. */
const onLog: Rollup.LogHandlerWithDefault = (level, log, tell) => {
  if (log.code !== "INVALID_ANNOTATION") tell(level, log);
};

export default defineConfig(({ mode }) => ({
  // Any folder of any server will do.
  base: "./",
  plugins: [demoFiles(), contentPolicy()],
  resolve: { conditions: ["source", "module", "browser", "development|production"] },
  worker: { format: "es", rollupOptions: { onLog } },
  preview: { headers: { "content-security-policy": policy } },
  build: {
    target: "es2022",
    // The worker is the whole engine, kernels, charts and all; the page itself is small and shows up before it.
    chunkSizeWarningLimit: 1500,
    rollupOptions: {
      onLog,
      input: (mode === "test" ? ["index.html", "test.html"] : ["index.html"]).map((page) => join(import.meta.dirname, page)),
    },
  },
}));
