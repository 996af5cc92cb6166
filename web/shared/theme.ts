/** Light and dark: what the system says, until the reader says otherwise. */

type Theme = "auto" | "light" | "dark";

const next: Readonly<Record<Theme, Theme>> = { auto: "light", light: "dark", dark: "auto" };
const names: Readonly<Record<Theme, string>> = { auto: "as the system", light: "light", dark: "dark" };
const isTheme = (x: unknown): x is Theme => x === "auto" || x === "light" || x === "dark";

/** Pages opened from disk may have no storage. */
function stored(): Theme {
  try {
    const theme = localStorage.getItem("theme");
    return isTheme(theme) ? theme : "auto";
  } catch {
    return "auto";
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Then it holds for this page only.
  }
}

/** Makes `button` go through the themes; `changed` is called when colours change. */
export function themeButton(button: HTMLButtonElement, changed: () => void): void {
  let theme = stored();
  const apply = (): void => {
    document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${names[theme]}`);
    button.title = `Colours: ${names[theme]}`;
    changed();
  };
  button.addEventListener("click", () => {
    theme = next[theme];
    keep(theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  apply();
}
