package tablefiles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
)

// Names of lists, below the place that they are written to.
const (
	filesList   = "_manifest/%s/files/%s.jsonl"
	symlinkList = "_manifest/%s/symlink/cut_date=%s/files.txt"
)

// WriteLists puts the lists of each day that is over and has none yet, and returns how many days these are. b is the
// bucket that the capture is in, place what readers append the names of its files to. A day without files has no list.
// A list that is there and has other bytes is an error.
func WriteLists(
	ctx context.Context, b bucket.Bucket, c *archive.Capture, place string, target bucket.Bucket,
) (days int, err error) {
	l := lists{capture: c.Name(), target: target}
	after, err := l.resume(ctx)
	if err != nil {
		return 0, err
	}
	for cut, err := range Cuts(ctx, b, c, after) {
		if err != nil {
			return days, err
		}
		if day := cut.DayAfter(l.day); day != l.day {
			wrote, err := l.put(ctx)
			if err != nil {
				return days, err
			}
			if wrote {
				days++
			}
			l.day = day
		}
		for _, f := range cut.Files {
			if err := l.add(f.Entry(place, l.day)); err != nil {
				return days, err
			}
		}
	}
	return days, nil // the last day may get more cuts
}

// lists are those of the day whose cuts are being read.
type lists struct {
	capture string
	target  bucket.Bucket
	day     string
	files   bytes.Buffer
	paths   bytes.Buffer
}

// resume returns the last cut of the newest list, and begins with its day.
func (l *lists) resume(ctx context.Context) (after uint64, err error) {
	newest := ""
	for info, err := range l.target.List(ctx, path.Dir(fmt.Sprintf(filesList, l.capture, "-"))+"/", "") {
		if err != nil {
			return 0, fmt.Errorf("list the lists of capture %s: %w", l.capture, err)
		}
		newest = info.Name
	}
	if newest == "" {
		return 0, nil
	}
	data, err := l.get(ctx, newest)
	if err != nil {
		return 0, err
	}
	lines := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	var last Entry
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.Cut == 0 {
		return 0, fmt.Errorf("%s in %s is no list of jetcapture: move it away, or write the lists to another place",
			newest, l.target)
	}
	l.day = last.Day
	return last.Cut, nil
}

func (l *lists) get(ctx context.Context, name string) ([]byte, error) {
	r, err := l.target.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	return data, err
}

// add adds a file. Paths with a line feed cannot be in a list of paths: no name of an archive has one, a place may.
func (l *lists) add(e Entry) error {
	if strings.ContainsAny(e.Path, "\r\n") {
		return fmt.Errorf("%q cannot be a line of a list: give another place", e.Path)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("list %s: %w", e.Path, err)
	}
	l.files.Write(append(data, '\n'))
	l.paths.WriteString(e.Path + "\n")
	return nil
}

// put stores the lists of the day, if it has files. The one with the objects comes last: resume goes by it.
func (l *lists) put(ctx context.Context) (wrote bool, err error) {
	if l.files.Len() == 0 {
		return false, nil
	}
	err = l.putNew(ctx, fmt.Sprintf(symlinkList, l.capture, l.day), l.paths.Bytes())
	if err == nil {
		err = l.putNew(ctx, fmt.Sprintf(filesList, l.capture, l.day), l.files.Bytes())
	}
	l.files.Reset()
	l.paths.Reset()
	return err == nil, err
}

func (l *lists) putNew(ctx context.Context, name string, data []byte) error {
	err := l.target.PutNew(ctx, name, bytes.NewReader(data), bucket.PutOptions{
		Size: int64(len(data)), ContentType: "text/plain; charset=utf-8",
	})
	if !errors.Is(err, bucket.ErrExists) {
		return err
	}
	there, err := l.get(ctx, name)
	if err == nil && !bytes.Equal(there, data) {
		err = fmt.Errorf("%s in %s has other files: it was written with another --url, or before a repair; write the "+
			"lists to another place", name, l.target)
	}
	return err
}
