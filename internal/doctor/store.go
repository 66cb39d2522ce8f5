package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/logstore"
)

// openStore opens the archive. It returns nil if that cannot be, and adds why.
func (e *exam) openStore(ctx context.Context) Store {
	const name = "store"
	store, err := e.Open(ctx, e.Write)
	switch {
	case err == nil:
		return store
	case errors.Is(err, fs.ErrNotExist) && !e.Write:
		e.note("S1", name, fmt.Sprintf("there is no %s yet: the capture makes it", e.Output),
			"whether this user may make and write it was not tried: jetcapture doctor --write makes the folder, and tries")
		e.note("X1", "archive", "there is no capture of this name yet", "jetcapture run begins one")
	default:
		e.problem("S1", name, err.Error(), "nothing can be stored", "check --output, and the rights of this user there")
	}
	return nil
}

// checkStore are the checks S1 and S2, and X1 of what the store holds.
func (e *exam) checkStore(ctx context.Context, store Store) {
	if e.checkList(ctx, store) {
		e.checkCreateOnly(ctx, store)
		e.checkLog(ctx, store)
	} else {
		e.skip("X1", "archive", "the log cannot be read", "see S1")
	}
	e.checkExpiry()
}

// checkList is the part of S1 that only reads.
func (e *exam) checkList(ctx context.Context, store Store) bool {
	const name, enough = "store", 1000
	began, last, n := time.Now(), "", 0
	for info, err := range store.List(ctx, cutlog.LogPrefix(e.Log), "") {
		switch {
		case err != nil:
			e.problem("S1", name, err.Error(), "the capture lists its log at each start",
				"check that the bucket is there, and the rights that docs/STORES.md names")
			return false
		case info.Name <= last:
			e.problem("S1", name, fmt.Sprintf("%q is listed after %q", info.Name, last),
				"the log is found by lists in the order of the names", "use another store")
			return false
		}
		if last, n = info.Name, n+1; n == enough {
			break
		}
	}
	e.ok("S1", name, fmt.Sprintf("%s can be listed: %d objects of the log in %v",
		e.Output, n, time.Since(began).Round(10*time.Microsecond)))
	return true
}

const checkRights = "check the rights that docs/STORES.md names"

// checkCreateOnly is the part of S1 on which the promise rests: a name that is taken is refused. An existing capture is
// probed with format.json, whose own bytes are put again, as each start of a capture does. A new one has no object.
func (e *exam) checkCreateOnly(ctx context.Context, store Store) {
	const name = "store"
	format, err := read(ctx, store, cutlog.FormatName(e.Log))
	fresh := errors.Is(err, fs.ErrNotExist)
	switch {
	case e.Folder != "" && !e.Write:
		e.skip("S1", name, "writing to the folder was not tried", "jetcapture doctor --write tries it")
		return
	case fresh && !e.Write:
		e.skip("S1", name, "writing was not tried, since there is no capture of this name yet",
			"jetcapture doctor --write puts one object, "+cutlog.ProbeName(e.Log)+", which the capture uses as well")
		return
	case err != nil && !fresh:
		e.problem("S1", name, err.Error(), "the capture reads its log at each start", checkRights)
		return
	}
	began := time.Now()
	if fresh {
		err = e.probeNew(ctx, store)
	} else {
		err = e.probe(ctx, store, cutlog.FormatName(e.Log), format)
	}
	took := time.Since(began)
	switch {
	case errors.Is(err, bucket.ErrOverwrites):
		e.problem("S1", name, err.Error(), "only a store that refuses to overwrite keeps a message from being stored twice",
			"use a store that docs/STORES.md names, and turn off what makes it overwrite")
	case err != nil:
		e.problem("S1", name, err.Error(), "nothing can be stored", checkRights)
	default:
		e.ok("S1", name, fmt.Sprintf("the store refuses to overwrite, and gives back what it took (%v)",
			took.Round(time.Millisecond)))
	}
}

// probe puts an object again. The object that a Prober needs is made only if it is there, or may be made.
func (e *exam) probe(ctx context.Context, store Store, name string, data []byte) error {
	err := store.PutNew(ctx, name, bytes.NewReader(data), bucket.PutOptions{
		Size: int64(len(data)), ContentType: logstore.ContentType(name),
	})
	if err == nil {
		return fmt.Errorf("a second put of %s was accepted: %w", name, bucket.ErrOverwrites)
	}
	if !errors.Is(err, bucket.ErrExists) {
		return err
	}
	p, several := store.(bucket.Prober)
	if !several {
		return nil
	}
	if _, err := store.Stat(ctx, cutlog.ProbeName(e.Log)); err != nil && !e.Write {
		return nil
	}
	return p.Probe(ctx, cutlog.ProbeName(e.Log))
}

// probeNew makes the object of a probe, and tries to overwrite it.
func (e *exam) probeNew(ctx context.Context, store Store) error {
	name := cutlog.ProbeName(e.Log)
	if p, several := store.(bucket.Prober); several {
		if err := p.Probe(ctx, name); err != nil {
			return err
		}
	} else if err := put(ctx, store, name, probeText); err != nil && !errors.Is(err, bucket.ErrExists) {
		return err
	}
	if err := put(ctx, store, name, probeText); err == nil {
		return fmt.Errorf("a second put of %s was accepted: %w", name, bucket.ErrOverwrites)
	} else if !errors.Is(err, bucket.ErrExists) {
		return err
	}
	data, err := read(ctx, store, name)
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%s is empty", name)
	}
	return err
}

const probeText = "jetcapture doctor puts this, to see whether it could be overwritten.\n"

func put(ctx context.Context, store Store, name, text string) error {
	return store.PutNew(ctx, name, strings.NewReader(text), bucket.PutOptions{
		Size: int64(len(text)), ContentType: "text/plain",
	})
}

func read(ctx context.Context, store Store, name string) (data []byte, err error) {
	r, err := store.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(io.LimitReader(r, cutlog.MaxRecord))
}

// checkExpiry is check S2. No store tells it through the calls that a capture has rights for, so it says what to ask.
func (e *exam) checkExpiry() {
	const name = "expiry"
	seen := "whether a rule deletes or moves objects was not asked: that needs rights which a capture has not"
	why := "no rule may expire _jetcapture/ or move it to an archive class: without its log, an archive cannot go on"
	scheme, place, _ := strings.Cut(e.Output, "://")
	bucketName := place[:max(strings.IndexAny(place+"/", "/?"), 0)]
	var command string
	switch scheme {
	case "s3":
		command = "aws s3api get-bucket-lifecycle-configuration --bucket " + bucketName
	case "gs":
		command = "gcloud storage buckets describe gs://" + bucketName + " --format='json(lifecycle_config)'"
	case "azblob":
		command = "az storage account management-policy show --account-name ACCOUNT --resource-group GROUP"
	default:
		e.ok("S2", name, "a folder has no rules; keep cron jobs such as tmpwatch out of it")
		return
	}
	e.add(Check{Number: "S2", Name: name, State: Note, Seen: seen, Why: why, Mend: command})
}
