package natsconn

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// Contexts returns the names of the contexts of the nats command, sorted. What cannot be read is left out.
func Contexts() (names []string) {
	entries, err := os.ReadDir(filepath.Join(folder(), "context"))
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

// Selected returns the name of the context that `nats context select` has chosen, or an empty text.
func Selected() string {
	name, err := os.ReadFile(filepath.Join(folder(), "context.txt"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// folder is where the nats command and package natscontext keep the contexts.
func folder() string {
	if config := os.Getenv("XDG_CONFIG_HOME"); config != "" {
		return filepath.Join(config, "nats")
	}
	me, err := user.Current()
	if err != nil {
		return ""
	}
	return filepath.Join(me.HomeDir, ".config", "nats")
}
