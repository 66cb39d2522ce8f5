package cloud

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

var (
	errPastEnd = errors.New("the range begins at the end of the object, or beyond")
	errClosed  = fmt.Errorf("reader is closed: %w", fs.ErrClosed)
)

// verdict is what an error means to the caller.
type verdict int

const (
	undecided verdict = iota // nothing is known, or a retry may help
	ended                    // the caller's context has ended
	exists                   // the key is taken
	missing                  // there is no such object
	denied                   // the credentials do not allow it
	permanent                // a retry does not help
	made                     // there was no error
)

// judgement is a verdict with one line that is safe to print. It says what happened, and what to do about it.
type judgement struct {
	verdict verdict
	text    string
	cause   error // kept for errors.As, but not shown
}

// error returns the error that a bucket returns for a judgement.
func (j judgement) error() error {
	switch j.verdict {
	case ended:
		return j.cause
	case exists:
		return bucket.ErrExists
	case missing:
		if j.text == "" {
			return bucket.ErrNotExist
		}
		return fmt.Errorf("%s: %w", j.text, bucket.ErrNotExist) // what a store says may be about more than the object
	case denied, permanent:
		return bucket.Permanent(&storeError{j})
	default:
		return &storeError{j}
	}
}

// storeError shows a safe line in place of the text of its cause.
type storeError struct{ judgement }

func (e *storeError) Error() string { return e.text }

// As finds the SDK's error. There is no Unwrap, because errors.Is would find errors that say nothing about an object,
// such as a missing file of credentials.
func (e *storeError) As(target any) bool { return errors.As(e.cause, target) }

// answer is an error response of a store, in its own words.
type answer struct {
	store   string // name of the kind of store
	status  int
	code    string
	message string
}

func (a answer) String() string {
	words := []string{a.store, "answers"}
	if a.status != 0 {
		words = append(words, fmt.Sprint(a.status))
	}
	if a.code != "" {
		words = append(words, a.code)
	}
	text := strings.Join(words, " ")
	if message := strings.TrimRight(oneLine(a.message), "."); message != "" && message != a.code {
		text += ": " + message
	}
	return text
}

// oneLine makes the text of others fit into one line.
func oneLine(text string) string {
	return fmt.Sprintf("%.300s",
		strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " "))
}

// rule gives the answers with one of some codes a verdict and advice.
type rule struct {
	codes   []string
	verdict verdict
	advice  string
}

// judgeAnswer applies the first rule that fits, else what HTTP says of a status.
func judgeAnswer(a answer, rules []rule, cause error) judgement {
	j := judgement{text: a.String(), cause: cause}
	if i := slices.IndexFunc(rules, func(r rule) bool { return slices.Contains(r.codes, a.code) }); i >= 0 {
		j.verdict = rules[i].verdict
		if rules[i].advice != "" {
			j.text += ": " + rules[i].advice
		}
		return j
	}
	if j.verdict = verdictOf(a.status); j.verdict == denied {
		j.text += ": check the credentials and their rights; see docs/STORES.md"
	}
	return j
}

func verdictOf(status int) verdict {
	switch status {
	case http.StatusPreconditionFailed:
		return exists
	case http.StatusNotFound:
		return missing
	case http.StatusUnauthorized, http.StatusForbidden:
		return denied
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return undecided
	case http.StatusNotImplemented:
		return permanent
	}
	if status >= 300 && status < 500 {
		return permanent
	}
	return undecided
}

// judgeSilence judges an error that is not an answer of a store: there was no connection, no credential, or it is our
// own.
func judgeSilence(err error) judgement {
	if bucket.IsPermanent(err) {
		return judgement{permanent, oneLine(err.Error()), err}
	}
	j := judgement{undecided, oneLine(withoutAddress(err).Error()), err}
	var name *net.DNSError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	switch text := err.Error(); {
	case errors.As(err, &name) && name.IsNotFound:
		j = judgement{permanent, fmt.Sprintf("host %q is unknown: check the endpoint, the region or the account in the URL",
			name.Name), err}
	case errors.As(err, &authority), errors.As(err, &hostname):
		j.verdict, j.text = permanent, j.text+": check the endpoint, or make its authority known to this machine"
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		j.verdict, j.text = permanent, "the endpoint speaks http, not https: begin its URL with http://"
	case isCredential(err):
		j.verdict, j.text = denied,
			"no credentials: "+j.text+": give them by the environment, a profile or an instance role; see docs/STORES.md"
	}
	return j
}

// isCredential reports whether an error is one of a credential chain. It looks at the text, since the SDKs do not
// export types for all of them.
func isCredential(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	text := err.Error()
	return slices.ContainsFunc([]string{
		"get credentials", "failed to refresh cached credentials", "could not find default credentials",
		"DefaultAzureCredential", "oauth2: cannot fetch token", "cannot fetch token",
	}, func(words string) bool { return strings.Contains(text, words) })
}

// withoutAddress removes the URL of a request from an error. On Azure it can hold a signature.
func withoutAddress(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
