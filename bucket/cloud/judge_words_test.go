package cloud

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestAnswersKeepTheirCodeAndText: "file does not exist" alone would hide that an access key is wrong.
func TestAnswersKeepTheirCodeAndText(t *testing.T) {
	for _, tt := range []struct {
		answer  answer
		missing bool
	}{
		{answer{"S3", http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}, true},
		{answer{"S3", http.StatusNotFound, "InvalidAccessKeyId", "The key is not known."}, true},
		{answer{"S3", http.StatusForbidden, "SignatureDoesNotMatch", "Check your secret."}, false},
	} {
		err := judgeAnswer(tt.answer, nil, errors.New("cause")).error()
		for _, want := range []string{tt.answer.code, strings.TrimSuffix(tt.answer.message, ".")} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v lacks %q", err, want)
			}
		}
		if errors.Is(err, bucket.ErrNotExist) != tt.missing || !bucket.IsPermanent(err) {
			t.Errorf("%v: missing %v, permanent %v", err, !tt.missing, bucket.IsPermanent(err))
		}
	}
}
