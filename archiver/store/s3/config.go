package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"danmaku-archiver/archiver/store"
)

const (
	// WhenSupported sends a checksum header in addition to the signed SHA-256.
	WhenSupported = "when_supported"
	// WhenRequired leaves it out, for servers that refuse the header.
	WhenRequired = "when_required"
)

// defaultTimeout is Config.Timeout where none is given.
const defaultTimeout = 60 * time.Second

// serverRegion is what servers other than Amazon's expect where no region is given.
const serverRegion = "us-east-1"

// Config says where the objects are. Only Bucket is needed; what is empty is found as every
// AWS tool finds it: environment, shared configuration files, the machine's role.
type Config struct {
	Bucket string
	Prefix string // begins every key; without slashes around it

	Endpoint  string // URL of a server that is not Amazon's
	Region    string
	Profile   string // of the shared configuration files
	PathStyle bool   // the bucket in the path of URLs instead of in the host name

	Checksums    string            // WhenSupported (also if empty) or WhenRequired
	StorageClass string            // such as STANDARD_IA
	SSE          string            // encryption at rest: AES256 or aws:kms
	KMSKey       string            // id of the key for aws:kms
	Tags         map[string]string // of every object

	// Timeout bounds one request, not counting the time that its bytes need at 256 KiB/s.
	// Requests are repeated for twice as long. 0 is 60 s.
	Timeout time.Duration
}

// ParseURL splits s3://bucket/prefix; the prefix may be missing.
func ParseURL(s string) (bucket, prefix string, err error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", "", fmt.Errorf("store %q is no URL: want s3://bucket/prefix", s)
	}
	switch {
	case u.Scheme != "s3":
		return "", "", fmt.Errorf("store %q: want s3://bucket/prefix", u.Redacted())
	case u.User != nil:
		return "", "", fmt.Errorf("store %q: credentials do not belong into the address, see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", u.Redacted())
	case u.Host == "":
		return "", "", fmt.Errorf("store %q: the bucket is missing, want s3://bucket/prefix", s)
	case u.Port() != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", "", fmt.Errorf("store %q: want only s3://bucket/prefix; the server's address is the endpoint", s)
	}
	prefix = strings.Trim(u.Path, "/")
	if err := checkPrefix(prefix); err != nil {
		return "", "", fmt.Errorf("store %q: %w", s, err)
	}
	return u.Host, prefix, nil
}

func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := store.CheckKey(prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	return nil
}

func (c *Config) check() error {
	if c.Bucket == "" {
		return errors.New("the bucket is missing")
	}
	if err := checkPrefix(c.Prefix); err != nil {
		return err
	}
	if c.Checksums != "" && c.Checksums != WhenSupported && c.Checksums != WhenRequired {
		return fmt.Errorf("checksums %q: want %s or %s", c.Checksums, WhenSupported, WhenRequired)
	}
	if c.Timeout < 0 {
		return fmt.Errorf("timeout %s is negative", c.Timeout)
	}
	if c.KMSKey != "" && !strings.HasPrefix(c.SSE, "aws:kms") {
		return fmt.Errorf("a KMS key needs sse aws:kms, not %q", c.SSE)
	}
	return checkEndpoint(c.Endpoint)
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		// The parser's error holds the address, and with it perhaps a password.
		return errors.New("the endpoint is no URL: want http://host:port or https://host")
	case u.User != nil:
		return fmt.Errorf("endpoint %q: credentials do not belong into the address", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("endpoint %q: want http://host:port or https://host", endpoint)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("endpoint %q: want no query and no fragment", endpoint)
	}
	return nil
}

// newClient makes a client that does not repeat requests; repeat does.
func newClient(ctx context.Context, c Config) (*s3.Client, error) {
	// Whatever matters is in an error; the SDK would write to stderr in a form of its own.
	load := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})}
	if c.Region != "" {
		load = append(load, awsconfig.WithRegion(c.Region))
	}
	if c.Profile != "" {
		load = append(load, awsconfig.WithSharedConfigProfile(c.Profile))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		if o.BaseEndpoint != nil && o.Region == "" {
			o.Region = serverRegion
		}
		o.UsePathStyle = c.PathStyle
		// The SDK's own repetition stops for everybody once enough requests have failed.
		o.Retryer = aws.NopRetryer{}
		// Put says which checksum is sent. Without this the SDK adds its own as a trailer,
		// which several servers refuse.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		// Ranges have no checksum of their own to be compared with.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	if client.Options().Region == "" {
		return nil, errors.New("the bucket's region is not known: set archive.s3.region or AWS_REGION, or the endpoint of another server")
	}
	return client, nil
}
