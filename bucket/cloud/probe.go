package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

// probeSize is the size of the object of a probe. GCS takes a resumable upload only for more than one unit.
const probeSize = gcsUnit + 1

// probeContent is the same in all versions and processes.
func probeContent() []byte {
	const text = "jetcapture puts this in parts at each start, and the store must refuse that.\n"
	return []byte(strings.Repeat(text, probeSize/len(text)+1)[:probeSize])
}

// Probe implements bucket.Prober. It puts an object in parts, as PutNew does with large ones: that is another request
// than that for small ones, with a condition of its own. Where the credentials do not allow it, nothing can be
// overwritten in this way either.
func (s *store) Probe(ctx context.Context, name string) error {
	err := errors.Join(ctx.Err(), bucket.CheckName(name))
	if err == nil {
		err = s.probe(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("probe %s with %.900q: %w", s.location, name, err)
	}
	return nil
}

func (s *store) probe(ctx context.Context, name string) error {
	content := probeContent()
	for try := 1; ; try++ {
		j := s.putParts(ctx, s.prefix+name, content)
		switch {
		case j.verdict == denied:
			return nil
		case j.verdict == exists:
			return s.confirmProbe(ctx, name, content)
		case j.verdict != made:
			return j.error()
		case try > 1:
			return bucket.ErrOverwrites
		}
	}
}

// putParts puts an object in two parts, or in one where the store wants its parts to be large.
func (s *store) putParts(ctx context.Context, key string, content []byte) judgement {
	judge := func(err error) judgement {
		j := s.judgeAfter(ctx, err)
		if j.verdict == missing { // as in put
			j.verdict = undecided
		}
		return j
	}
	p, err := s.driver.begin(ctx, key, attributes{contentType: "text/plain", partSize: gcsUnit})
	if err != nil {
		return judge(err)
	}
	if err = p.put(ctx, 1, content); err == nil {
		err = p.complete(ctx)
	}
	if err == nil {
		return judgement{verdict: made}
	}
	j := judge(err)
	if err := s.abort(ctx, p); err != nil && j.verdict != exists {
		j.text += "; " + err.Error()
	}
	return j
}

// confirmProbe checks that the object can be read back, and that its name is kept as it is: a store that decodes %41
// would confuse the names of blocks.
func (s *store) confirmProbe(ctx context.Context, name string, content []byte) error {
	r, err := s.openKey(ctx, s.prefix+name, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(got, content) {
		return bucket.Permanent(fmt.Errorf("it holds %d bytes that are not those of a probe: do not trust this store, "+
			"or find out what else writes there", len(got)))
	}
	decoded := strings.ReplaceAll(name, "%41", "A")
	if decoded == name {
		return nil
	}
	switch _, err := s.driver.stat(ctx, s.prefix+decoded); {
	case err == nil:
		return bucket.Permanent(fmt.Errorf("the object is also found as %q: this store confuses names with a percent sign",
			decoded))
	case s.judgeAfter(ctx, err).verdict == missing:
		return nil
	default:
		return s.judgeAfter(ctx, err).error()
	}
}
