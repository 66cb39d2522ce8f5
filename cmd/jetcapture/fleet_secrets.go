package main

import (
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// variable is a variable of the environment in a configuration file, and secretName the name of a parameter whose value
// is a secret.
var (
	variable   = regexp.MustCompile(`\$\{[^}]*\}`)
	secretName = regexp.MustCompile(`(?i)key|secret|token|password|sig|credential`)
)

// hasSecretURL reports whether a URL among the values of an option has a secret that is not a variable.
func hasSecretURL(o option, v *yaml.Node) bool {
	v = follow(v)
	for _, one := range v.Content {
		if hasSecretURL(o, one) {
			return true
		}
	}
	text := variable.ReplaceAllString(v.Value, "")
	switch o.arg {
	case "URLS":
		return isSecretServers(text)
	case "URL", "PLACE":
		return isSecretURL(text, o.arg == "URL")
	}
	return false
}

// isSecretServers reports whether a server of a list has a password or a token. It goes by the last @, and takes a
// password that has a comma for two servers, of which the second has a token.
func isSecretServers(list string) bool {
	for server := range strings.SplitSeq(list, ",") {
		i := strings.LastIndexByte(server, '@')
		if i < 0 {
			continue
		}
		user := server[:i]
		if _, behind, found := strings.Cut(user, "://"); found {
			user = behind
		}
		if isSecretUser(strings.TrimSpace(user)) {
			return true
		}
	}
	return false
}

// isSecretUser reports whether the user info of a URL has a password, or is a token: a user without a password.
func isSecretUser(info string) bool {
	_, password, found := strings.Cut(info, ":")
	return password != "" || !found && info != ""
}

// isSecretURL reports whether a URL, or one among its parameters, has user info. With names, a parameter that is called
// as secrets are is one.
func isSecretURL(text string, names bool) bool {
	if !strings.Contains(text, "://") {
		return false // a folder
	}
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@")
	}
	if u.User != nil && isSecretUser(u.User.String()) {
		return true
	}
	for name, values := range u.Query() {
		for _, v := range values {
			if names && v != "" && secretName.MatchString(name) || isSecretURL(v, false) {
				return true
			}
		}
	}
	return false
}
