package s3

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	for in, want := range map[string][2]string{
		"s3://bucket":            {"bucket", ""},
		"s3://bucket/":           {"bucket", ""},
		"s3://bucket/a":          {"bucket", "a"},
		"s3://my.bucket-1/a/b=c": {"my.bucket-1", "a/b=c"},
		"s3://bucket/a/b/":       {"bucket", "a/b"},
	} {
		bucket, prefix, err := ParseURL(in)
		if err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("%q: got %q and %q, error %v, want %q", in, bucket, prefix, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                        "want s3://",
		"/folder":                 "want s3://",
		"http://bucket/a":         "want s3://",
		"s3:bucket":               "bucket is missing",
		"s3:///a":                 "bucket is missing",
		"s3://id:geheim@bucket/a": "credentials do not belong",
		"s3://bucket:9000/a":      "endpoint",
		"s3://bucket/a?region=x":  "endpoint",
		"s3://bucket/a#b":         "endpoint",
		"s3://bucket/a//b":        "prefix",
		"s3://bucket/../b":        "prefix",
		"s3://bucket/a b":         "prefix",
		"s3://bucket/%2e%2e/b":    "prefix",
		"s3://bucket/\x01":        "no URL",
	} {
		bucket, prefix, err := ParseURL(in)
		if err == nil {
			t.Errorf("%q: got %q and %q, want an error", in, bucket, prefix)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: got error %q, want %q in it", in, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	isolate(t)
	for name, tt := range map[string]struct {
		config Config
		want   string
	}{
		"no bucket":          {Config{Region: "r"}, "bucket"},
		"prefix":             {Config{Bucket: "b", Region: "r", Prefix: "a/../b"}, "prefix"},
		"checksums":          {Config{Bucket: "b", Region: "r", Checksums: "crc"}, "want when_supported or when_required"},
		"time-out":           {Config{Bucket: "b", Region: "r", Timeout: -time.Second}, "negative"},
		"KMS key alone":      {Config{Bucket: "b", Region: "r", KMSKey: "k"}, "aws:kms"},
		"endpoint":           {Config{Bucket: "b", Region: "r", Endpoint: "localhost:9000"}, "want http://"},
		"endpoint's path":    {Config{Bucket: "b", Region: "r", Endpoint: "http://h/?x=y"}, "no query"},
		"secret in endpoint": {Config{Bucket: "b", Region: "r", Endpoint: "http://id:geheim@h"}, "credentials do not belong"},
		"secret, no URL":     {Config{Bucket: "b", Region: "r", Endpoint: "http://id:geheim@h:port"}, "no URL"},
		"no region":          {Config{Bucket: "b"}, "AWS_REGION"},
		"profile":            {Config{Bucket: "b", Profile: "nobody"}, "nobody"},
	} {
		_, err := New(t.Context(), tt.config)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got error %v, want %q in it", name, err, tt.want)
		}
	}
}

func TestRegionAndProfileAreFound(t *testing.T) {
	isolate(t)
	config := "[default]\nregion = from-default\n[profile other]\nregion = from-profile\n"
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	region := func(c Config) string { return mustNew(t, c).client.Options().Region }
	if got := region(Config{Bucket: "b"}); got != "from-default" {
		t.Errorf("file: got %q", got)
	}
	if got := region(Config{Bucket: "b", Profile: "other"}); got != "from-profile" {
		t.Errorf("profile: got %q", got)
	}
	t.Setenv("AWS_REGION", "from-environment")
	if got := region(Config{Bucket: "b"}); got != "from-environment" {
		t.Errorf("environment: got %q", got)
	}
	if got := region(Config{Bucket: "b", Region: "given"}); got != "given" {
		t.Errorf("given: got %q", got)
	}
}

func TestName(t *testing.T) {
	isolate(t)
	for want, c := range map[string]Config{
		"s3://b":                    {Bucket: "b", Region: "r"},
		"s3://b/a/c":                {Bucket: "b", Region: "r", Prefix: "/a/c/"},
		"s3://b/a at http://h:9000": {Bucket: "b", Prefix: "a", Endpoint: "http://h:9000"},
	} {
		if got := mustNew(t, c).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
