/** `cresset completion`: scripts by which shells complete the command line, made from the commands themselves. */
import { Argument, type Command, type Option } from "commander";
import { type Context, exit, subcommand } from "./command.ts";

/** The subcommand. */
export function completion({ terminal, answer }: Context): Command {
  const command = subcommand("completion", "print a script that completes commands, options and files", [
    ["source <(cresset completion bash)", "in ~/.bashrc"],
    ["source <(cresset completion zsh)", "in ~/.zshrc, after compinit"],
    ["cresset completion fish > ~/.config/fish/completions/cresset.fish", "once"],
  ]);
  return command
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .action((shell: "bash" | "zsh" | "fish") => {
      const shells = { bash, zsh, fish };
      terminal.raw(shells[shell](described(command.parent!)));
      answer(exit.success);
    });
}

/** A subcommand as completion sees it. */
interface Described {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
  /** What its first argument is chosen from; null where it is a file. */
  readonly choices: readonly string[] | null;
}

function described(program: Command): Described[] {
  const help = program.createHelp();
  return help.visibleCommands(program).map((command) => ({
    name: command.name(),
    summary: command.summary() || command.description(),
    options: help.visibleOptions(command),
    choices:
      command.name() === "help"
        ? program.commands.map((other) => other.name())
        : (command.registeredArguments[0]?.argChoices ?? null),
  }));
}

const flagsOf = (options: readonly Option[]): string[] =>
  options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined && flag !== null));

const choicesOf = (options: readonly Option[]): [string, readonly string[]][] =>
  options.flatMap(({ long, argChoices }): [string, readonly string[]][] =>
    long && argChoices ? [[long, argChoices]] : [],
  );

function bash(commands: readonly Described[]): string {
  const cases = commands.map(({ name, options, choices }) => {
    const values = choicesOf(options).map(
      ([flag, list]) => `      if [[ $previous == ${flag} ]]; then words="${list.join(" ")}"; only=1; fi\n`,
    );
    const fixed =
      choices === null ? "" : `      if [[ $COMP_CWORD -eq 2 ]]; then words+=" ${choices.join(" ")}"; only=1; fi\n`;
    return `    ${name})\n      words="${flagsOf(options).join(" ")}"\n${values.join("")}${fixed}      ;;\n`;
  });
  return `# bash completion of cresset: source <(cresset completion bash)
_cresset() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" only=""
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("")}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -z $only && $current != -* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _cresset cresset
`;
}

/** Text within single quotes, of which zsh reads brackets and colons itself. */
const zshText = (text: string): string => text.replace(/'/g, "'\\''").replace(/[[\]:]/g, "\\$&");

function zsh(commands: readonly Described[]): string {
  const list = commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'\n`).join("");
  const cases = commands.map(({ name, options, choices }) => {
    const specs = options.flatMap((option) => zshOption(option).map((spec) => `        ${spec}`));
    const rest = choices === null ? "'*:file:_files'" : `'1:choice:(${choices.join(" ")})'`;
    return `      ${name})\n        _arguments \\\n${[...specs, `        ${rest}`].join(" \\\n")}\n        ;;\n`;
  });
  return `#compdef cresset
# zsh completion of cresset: source <(cresset completion zsh)
_cresset() {
  local -a commands
  commands=(
${list}  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("")}  esac
}
compdef _cresset cresset
`;
}

function zshOption({ short, long, description, required, argChoices }: Option): string[] {
  const value = !required ? "" : argChoices ? `:value:(${argChoices.join(" ")})` : ":value:_files";
  return [short, long]
    .filter((flag) => flag !== undefined && flag !== null)
    .map((flag) => `'${flag}[${zshText(description)}]${value}'`);
}

const fishText = (text: string): string => text.replace(/\\/g, "\\\\").replace(/'/g, "\\'");

function fish(commands: readonly Described[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = ["# fish completion of cresset: save as ~/.config/fish/completions/cresset.fish"];
  const none = `not __fish_seen_subcommand_from ${names}`;
  for (const { name, summary, options, choices } of commands) {
    lines.push(`complete -c cresset -n '${none}' -f -a ${name} -d '${fishText(summary)}'`);
    const within = `__fish_seen_subcommand_from ${name}`;
    if (choices !== null) lines.push(`complete -c cresset -n '${within}' -f -a '${choices.join(" ")}'`);
    for (const { short, long, description, required, argChoices } of options) {
      const flags = [short ? `-s ${short.slice(1)}` : "", long ? `-l ${long.slice(2)}` : ""].join(" ").trim();
      const value = argChoices ? ` -x -a '${argChoices.join(" ")}'` : required ? " -r" : "";
      lines.push(`complete -c cresset -n '${within}' ${flags}${value} -d '${fishText(description)}'`);
    }
  }
  return `${lines.join("\n")}\n`;
}
