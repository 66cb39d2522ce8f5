package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// logFolder is the folder of the cut logs in an archive. The mark of a demo lies among its temporary files, which
// are no part of the archive: anything else there is a note of verify.
const (
	logFolder = "_jetcapture"
	demoMark  = "tmp/.demo.txt"
	demoText  = "This folder was made by `jetcapture demo`. The next demo replaces it, unless something else is in it.\n"
)

// prepareDemoFolder makes a new folder with the mark, and removes that of an earlier demo. It refuses a folder that
// holds anything else: that could be somebody's archive.
func prepareDemoFolder(folder string) error {
	const advice = "choose another one by --output"
	made, err := checkDemoFolder(folder)
	if err != nil {
		return fmt.Errorf("folder %s: %w; %s", folder, err, advice)
	}
	if made {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove the earlier demo: %w; %s", err, advice)
		}
	}
	mark := filepath.Join(folder, logFolder, demoMark)
	if err := os.MkdirAll(filepath.Dir(mark), 0o750); err != nil {
		return fmt.Errorf("make the demo's folder: %w; %s", err, advice)
	}
	if err := os.WriteFile(mark, []byte(demoText), 0o640); err != nil {
		return fmt.Errorf("mark the demo's folder: %w; %s", err, advice)
	}
	return nil
}

// checkDemoFolder reports whether an earlier demo made the folder. It fails if somebody else did, unless the folder is
// empty.
func checkDemoFolder(folder string) (made bool, err error) {
	info, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, errors.New("is not a folder")
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	mark, err := os.ReadFile(filepath.Join(folder, logFolder, demoMark))
	if err != nil || string(mark) != demoText {
		return false, errors.New("is not empty, and no demo has made it")
	}
	return true, checkDemoContent(folder, entries)
}

// checkDemoContent fails if a user has put something into the folder of a demo.
func checkDemoContent(folder string, entries []os.DirEntry) error {
	for _, e := range entries {
		if n := e.Name(); n != logFolder && n != "_deadletter" && !strings.HasPrefix(n, demoKeyName+"=") {
			return fmt.Errorf("a demo has made it, but %s in it is something else", n)
		}
	}
	logs, err := os.ReadDir(filepath.Join(folder, logFolder))
	if err != nil {
		return err
	}
	for _, e := range logs {
		if n := e.Name(); n != "tmp" && n != demoStream {
			return fmt.Errorf("a demo has made it, but holds another capture, %s", n)
		}
	}
	return nil
}
