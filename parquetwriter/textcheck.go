package parquetwriter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// textCheck finds text that is not valid UTF-8 in values of a type. It is nil for types without text.
type textCheck func(v reflect.Value) error

// The text of these errors follows the path to the value.
var (
	errNotText = errors.New(": not valid UTF-8")
	errNotUUID = errors.New(": not a UUID")
)

// row checks a row.
func (c textCheck) row(v reflect.Value) error {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("parquet: a nil %s is not a row", v.Type())
	}
	if c == nil {
		return nil
	}
	if err := c(v); err != nil {
		return fmt.Errorf("parquet: %s%w", v.Type(), err)
	}
	return nil
}

// textCheckOf returns the check of a type. It is made once, so that a row costs no more than a look at its text.
// options are those of the tag: they say which bytes are text, and which text is a UUID. A type that holds itself is
// refused: it has no schema, and parquet-go would look for one for ever. inside holds the types that t is in.
func textCheckOf(t reflect.Type, options []string, inside ...reflect.Type) (textCheck, error) {
	switch t.Kind() {
	case reflect.String:
		if slices.Contains(options, "uuid") {
			return func(v reflect.Value) error { return unless(isUUID(v.String()), errNotUUID) }, nil
		}
		return func(v reflect.Value) error { return unless(utf8.ValidString(v.String()), errNotText) }, nil
	case reflect.Pointer:
		check, err := textCheckOf(t.Elem(), options, inside...)
		return check.behindPointer(), err
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 {
			check, err := textCheckOf(t.Elem(), options, inside...)
			return check.ofElements(), err
		}
		if t.Kind() == reflect.Slice && slices.ContainsFunc(options, isText) {
			return func(v reflect.Value) error { return unless(utf8.Valid(v.Bytes()), errNotText) }, nil
		}
	case reflect.Map:
		key, err := textCheckOf(t.Key(), nil, inside...)
		if err != nil {
			return nil, err
		}
		value, err := textCheckOf(t.Elem(), nil, inside...)
		return ofEntries(key, value), err
	case reflect.Struct:
		if slices.Contains(inside, t) {
			return nil, fmt.Errorf("parquet: %s holds itself, which has no schema", t)
		}
		return ofFields(t, append(slices.Clone(inside), t))
	}
	return nil, nil
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

func isText(option string) bool { return option == "string" || option == "json" || option == "enum" }

// isUUID reports whether s is a UUID in the form of RFC 9562. parquet-go writes zeros for any other text.
func isUUID(s string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(form) {
		return false
	}
	for i := range len(form) {
		if form[i] == '-' && s[i] != '-' || form[i] == 'x' && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}

func (c textCheck) behindPointer() textCheck {
	if c == nil {
		return nil
	}
	return func(v reflect.Value) error {
		if v.IsNil() {
			return nil
		}
		return c(v.Elem())
	}
}

func (c textCheck) ofElements() textCheck {
	if c == nil {
		return nil
	}
	return func(v reflect.Value) error {
		for i := range v.Len() {
			if err := c(v.Index(i)); err != nil {
				return fmt.Errorf("[%d]%w", i, err)
			}
		}
		return nil
	}
}

func ofEntries(key, value textCheck) textCheck {
	if key == nil && value == nil {
		return nil
	}
	return func(v reflect.Value) error {
		for it := v.MapRange(); it.Next(); {
			if err := errors.Join(key.of(it.Key()), value.of(it.Value())); err != nil {
				return fmt.Errorf("[%q]%w", fmt.Sprint(it.Key()), errNotText)
			}
		}
		return nil
	}
}

func (c textCheck) of(v reflect.Value) error {
	if c == nil {
		return nil
	}
	return c(v)
}

// ofFields checks the fields that parquet-go writes.
func ofFields(t reflect.Type, inside []reflect.Type) (textCheck, error) {
	type fieldCheck struct {
		index int
		name  string
		check textCheck
	}
	var checks []fieldCheck
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if !f.IsExported() && !f.Anonymous || name == "-" && options == "" {
			continue
		}
		check, err := textCheckOf(f.Type, strings.Split(options, ","), inside...)
		if err != nil {
			return nil, err
		}
		if check != nil {
			checks = append(checks, fieldCheck{i, f.Name, check})
		}
	}
	if len(checks) == 0 {
		return nil, nil
	}
	return func(v reflect.Value) error {
		for _, f := range checks {
			if err := f.check(v.Field(f.index)); err != nil {
				return fmt.Errorf(".%s%w", f.name, err)
			}
		}
		return nil
	}, nil
}
