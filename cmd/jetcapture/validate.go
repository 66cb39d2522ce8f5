package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

const validateHelp = `jetcapture validate says everything that is wrong with the options of jetcapture run, those of a
configuration file as well. It connects to nothing. Exit codes: 0 sound, 2 not.

Usage:
  jetcapture validate [OPTIONS of jetcapture run]
`

func validateCommand(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "validate",
		Short:             "check options and a configuration file",
		Long:              validateHelp,
		Args:              cobra.ArbitraryArgs, // readSettings refuses them
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := readSettings(cmd, args, c.getenv, os.ReadFile)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.stdout, "%s: nothing is wrong with the options\n", counted(int64(len(all)), "capture"))
			return err
		},
	}
	addFlags(cmd, runOptions().all(), c)
	return cmd
}
