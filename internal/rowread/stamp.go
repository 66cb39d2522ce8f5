package rowread

import "time"

// stamps reads times as encoding/json writes them in UTC: 2006-01-02T15:04:05.999999999Z. It remembers the day.
type stamps struct {
	day      string // of the time before
	midnight int64  // with which the day begins, in Unix time
}

// parse reads a time. ok is false for what is no time.
func (s *stamps) parse(b []byte) (t time.Time, ok bool) {
	const day, second = len("2006-01-02"), len("2006-01-02T15:04:05")
	if len(b) > second && string(b[:day]) == s.day && b[day] == 'T' && b[13] == ':' && b[16] == ':' {
		hour, minute, sec := digits(b[11:13]), digits(b[14:16]), digits(b[17:19])
		nanos, ok := fraction(b[second:])
		if ok && hour < 24 && minute < 60 && sec < 60 {
			return time.Unix(s.midnight+int64(3600*hour+60*minute+sec), nanos).UTC(), true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return t, false
	}
	if b[len(b)-1] == 'Z' {
		s.day, s.midnight = string(b[:day]), t.Truncate(24*time.Hour).Unix()
	}
	return t, true
}

// digits returns a number of two digits, or one that is too large for a part of a time.
func digits(b []byte) int {
	tens, ones := b[0]-'0', b[1]-'0'
	if tens > 9 || ones > 9 {
		return 100
	}
	return 10*int(tens) + int(ones)
}

// fraction returns the nanoseconds of the end of a time: "Z", or ".5Z" with up to nine digits.
func fraction(b []byte) (nanos int64, ok bool) {
	if b[len(b)-1] != 'Z' {
		return 0, false
	}
	b = b[:len(b)-1]
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' || len(b) == 1 || len(b) > 10 {
		return 0, false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		nanos = nanos*10 + int64(c-'0')
	}
	for range 10 - len(b) {
		nanos *= 10
	}
	return nanos, true
}
