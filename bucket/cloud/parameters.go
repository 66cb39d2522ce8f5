package cloud

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// storeParameters are the parameters of a URL that the store's SDK takes, besides those of Options (gocloud.dev v0.47,
// aws.V2ConfigFromURLParams and the URLOpeners of s3blob, gcsblob and azureblob), and our own of one store.
func storeParameters(scheme string) []string {
	switch scheme {
	case "s3":
		return []string{
			"accelerate", "anonymous", "awssdk", "disable_https", "dualstack", "endpoint", "fips", "hostname_immutable",
			"kmskeyid", "profile", "rate_limiter_capacity", "region", "request_checksum_calculation",
			"response_checksum_validation", "role", "s3ForcePathStyle", "ssetype", "use_path_style",
		}
	case "gs":
		return []string{"access_id", "anonymous", "grpc", "kms_key_name", "private_key_path", "universe_domain", "zonal"}
	}
	return []string{"cdn", "domain", "encryption_scope", "localemu", "protocol", "storage_account"}
}

// checkNames returns an error for each parameter that the store does not know. What is left of a URL after take comes
// in as query. A name that is not known may be a secret in the wrong place, so it is shown only if it looks like a
// name.
func (o *Options) checkNames(scheme string, query map[string][]string) error {
	known := append(storeParameters(scheme), slices.Collect(maps.Keys(o.parameters()))...)
	slices.Sort(known)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if slices.Contains(known, name) {
			continue
		}
		shown := fmt.Sprintf("%q", name)
		if len(name) > 30 || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz_") != "" {
			shown = "one of its names"
		}
		errs = append(errs, fmt.Errorf("the parameters after the ?: %s is not known for %s://; known are %s",
			shown, scheme, strings.Join(known, ", ")))
	}
	return errors.Join(errs...)
}
