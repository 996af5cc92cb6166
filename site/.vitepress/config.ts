/** The site: what stands in its menus. Nothing is loaded from elsewhere. */
import { type DefaultTheme, defineConfig } from "vitepress";
import { slug } from "../../scripts/slug.ts";
import { sections } from "../reference/contents.ts";

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: "Copying, explained",
    items: [
      { text: "Names, tensors, storages", link: "/guide/" },
      { text: "Tensors", link: "/guide/tensors" },
      { text: "Models", link: "/guide/models" },
      { text: "State dicts", link: "/guide/state-dicts" },
      { text: "Training", link: "/guide/training" },
    ],
  },
  {
    text: "Using Cresset",
    items: [
      { text: "From PyTorch", link: "/porting" },
      { text: "The lens", link: "/lens" },
      { text: "Pitfalls", link: "/pitfalls" },
      { text: "Files", link: "/formats" },
      { text: "Limits", link: "/limits" },
    ],
  },
  {
    text: "What stands",
    items: [
      { text: "Operators", link: "/operators" },
      { text: "Benchmarks", link: "/benchmarks/" },
      { text: "How they measure", link: "/benchmarks/method" },
      { text: "Architecture", link: "/architecture" },
      { text: "Contributing", link: "/contributing" },
      { text: "Changes", link: "/changelog" },
    ],
  },
];

const reference: DefaultTheme.SidebarItem[] = sections.map(({ title, pages }) => ({
  text: title,
  items: pages.map(({ slug, title: text }) => ({ text, link: `/reference/${slug}` })),
}));

export default defineConfig({
  title: "Cresset",
  description: "PyTorch's semantics, whole, in TypeScript",
  srcDir: "content",
  outDir: "dist",
  cleanUrls: true,
  lastUpdated: false,
  head: [["link", { rel: "icon", href: "/lens/icon.svg" }]],
  ignoreDeadLinks: [/^\/lens\//],
  vite: { logLevel: "warn", build: { chunkSizeWarningLimit: 4000 } },
  markdown: { theme: { light: "github-light", dark: "github-dark" }, anchor: { slugify: slug } },
  themeConfig: {
    logo: "/lens/icon.svg",
    outline: { level: [2, 3] },
    search: { provider: "local" },
    nav: [
      { text: "Guide", link: "/guide/", activeMatch: "^/(guide|porting|lens$|pitfalls|formats|limits)" },
      { text: "Reference", link: "/reference/tensor", activeMatch: "^/reference" },
      { text: "Lens page", link: "/lens/lens.html", target: "_self" },
      { text: "Playground", link: "/lens/playground.html", target: "_self" },
    ],
    sidebar: { "/reference/": reference, "/": guide },
    docFooter: { prev: "Before", next: "Next" },
  },
});
