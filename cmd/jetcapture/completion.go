package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const completionHelp = `jetcapture completion prints a script that makes a shell complete the commands, flags and values
of jetcapture. The names of streams and consumers come from the server that the options on the line
and the environment name, if it answers within a second.

Usage:
  jetcapture completion SHELL

Examples:
  bash, which needs the package bash-completion; now, and for all later shells:
    source <(jetcapture completion bash)
    jetcapture completion bash > /etc/bash_completion.d/jetcapture

  zsh, for all later shells; the folder must be in $fpath:
    jetcapture completion zsh > "${fpath[1]}/_jetcapture"

  fish:
    jetcapture completion fish > ~/.config/fish/completions/jetcapture.fish

  PowerShell:
    jetcapture completion powershell | Out-String | Invoke-Expression

SHELL is bash, zsh, fish or powershell.
`

// shells are those that cobra makes completions for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

// completionCommand stands in for the one that cobra would add, whose help is not like ours.
func completionCommand(c console) *cobra.Command {
	return &cobra.Command{
		Use:       "completion",
		Short:     "print the completions of a shell",
		Long:      completionHelp,
		ValidArgs: shells(),
		Args:      oneShell,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(c.stdout, true)
			case "zsh":
				return root.GenZshCompletion(c.stdout)
			case "fish":
				return root.GenFishCompletion(c.stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(c.stdout)
		},
	}
}

func oneShell(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usagef("a shell is required: %s; see %s --help", strings.Join(shells(), ", "), cmd.CommandPath())
	case len(args) > 1:
		return usagef("%q: one shell only is expected; see %s --help", args[1], cmd.CommandPath())
	case !slices.Contains(shells(), args[0]):
		return usagef("%q is not one of %s; see %s --help", args[0], strings.Join(shells(), ", "), cmd.CommandPath())
	}
	return nil
}
