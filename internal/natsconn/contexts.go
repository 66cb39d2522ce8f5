package natsconn

import (
	"os"
	"path/filepath"
	"strings"
)

// Contexts returns the names of the contexts of the nats command, sorted. It looks where package natscontext does; what
// cannot be read is left out.
func Contexts() (names []string) {
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		config = filepath.Join(home, ".config")
	}
	entries, err := os.ReadDir(filepath.Join(config, "nats", "context"))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name, isContext := strings.CutSuffix(e.Name(), ".json"); isContext && !e.IsDir() && name != "" {
			names = append(names, name)
		}
	}
	return names
}
