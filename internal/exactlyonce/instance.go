package exactlyonce

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	maxInstances = 1000 // instances of one host whose names are generated
	// MaxInstance is the greatest length of an instance's name in bytes.
	MaxInstance = 64
)

// instance is the name of this process among those that work on the same capture.
type instance struct {
	name string
	lock *os.File // locked while the name is ours; nil if the name was given
}

var notNameChar = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// ValidInstance reports whether a name can be an instance's. The empty name is valid: a name is generated.
func ValidInstance(name string) bool {
	return len(name) <= MaxInstance && !notNameChar.MatchString(name)
}

// errNotOurs is the error of a lock file that another user made, or that is no file: anybody may write to the temporary
// directory, and a link there leads where its owner wants.
var errNotOurs = errors.New("it is not a file of this user")

// claimInstance returns the given name, which ValidInstance has accepted. If it is empty, it generates one: the host's
// name and the lowest number whose lock file in the temporary directory is free.
func claimInstance(name string) (*instance, error) {
	if name != "" {
		return &instance{name: name}, nil
	}
	host, err := hostName()
	if err != nil {
		return nil, err
	}
	for n := range maxInstances {
		name := fmt.Sprintf("%s-%d", host, n)
		path := filepath.Join(os.TempDir(), "jetcapture-"+name+".lock")
		f, err := openLock(path)
		if errors.Is(err, errNotOurs) || os.IsPermission(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("name this instance by a lock file: %w (or give it a name)", err)
		}
		if tryLock(f) {
			return &instance{name: name, lock: f}, nil
		}
		_ = f.Close() // another process holds the lock
	}
	return nil, fmt.Errorf("name this instance: all of %s-0 to %s-%d are taken, give it a name",
		host, host, maxInstances-1)
}

// Claim is a generated name of this process that several captures use.
type Claim struct{ of *instance }

// ClaimInstance generates a name, as a Keeper without one does. It is taken until Release.
func ClaimInstance() (*Claim, error) {
	i, err := claimInstance("")
	if err != nil {
		return nil, err
	}
	return &Claim{i}, nil
}

// Name is the name.
func (c *Claim) Name() string { return c.of.name }

// Release gives it back.
func (c *Claim) Release() error { return c.of.release() }

// hostName is the beginning of the names that are generated.
func hostName() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this instance after its host: %w (or give it a name)", err)
	}
	host = notNameChar.ReplaceAllString(host, "-")
	return host[:min(len(host), 48)], nil
}

// FirstInstance is the first name that a process without a given one tries on this host. It claims nothing.
func FirstInstance() (string, error) {
	host, err := hostName()
	return host + "-0", err
}

// ConsumerName is the name of the ephemeral consumer of an instance. The name of a consumer must not have dots. An
// escaped capture name has no %2E, so different names stay different.
func ConsumerName(capture, instance string) string {
	return "jetcapture-" + strings.ReplaceAll(capture, ".", "%2E") + "-" + instance
}

// release frees the name. The lock file stays, because removing it could remove one that another process has just
// locked.
func (i *instance) release() error {
	if i.lock == nil {
		return nil
	}
	return i.lock.Close()
}
