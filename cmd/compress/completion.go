package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// completeFlag is the last argument of a call that asks for completions.
const completeFlag = "--generate-bash-completion"

// The scripts ask the program itself, with the words so far and completeFlag, and
// complete file names where it knows nothing.
var completionScripts = map[string]string{
	"bash": `_compress() {
	local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
	[[ $cur == -* ]] && words+=("$cur")
	COMPREPLY=()
	while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$("${COMP_WORDS[0]}" "${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur")
}
complete -o bashdefault -o default -F _compress compress
`,
	"zsh": `#compdef compress
_compress() {
	local -a words_so_far found
	words_so_far=("${(@)words[2,CURRENT-1]}")
	[[ $words[CURRENT] == -* ]] && words_so_far+=("$words[CURRENT]")
	found=("${(@f)$("$words[1]" "${words_so_far[@]}" --generate-bash-completion 2>/dev/null)}")
	compadd -- "${(@)found:#}" || _files
}
compdef _compress compress
`,
}

func completionCommand() *cli.Command {
	return command("completion", "print the completion script of a shell: bash, zsh or fish", "SHELL", commonFlags(), func(c *cli.Context) error {
		if err := args(c, 1, 1); err != nil {
			return err
		}
		shell := c.Args().First()
		script, ok := completionScripts[shell]
		if shell == "fish" {
			var err error
			if script, err = c.App.ToFishCompletion(); err != nil {
				return err
			}
			ok = true
		}
		if !ok {
			return usagef("there is no completion for %q: bash, zsh or fish", shell)
		}
		_, err := fmt.Fprint(c.App.Writer, script)
		return err
	})
}
