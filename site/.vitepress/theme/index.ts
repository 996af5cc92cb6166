/** VitePress's own look with the reader's fonts, in the colours of the lens. */
import theme from "vitepress/theme-without-fonts";
import "./style.css";

export default theme;
