package s3

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const noBucket = "the bucket does not exist: create it, or correct its name or the endpoint"

// statusOf returns the HTTP status that the error came with, 0 if there was no answer.
func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

// codeOf returns the name that the service gives the error, such as NoSuchKey.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// hints say what a person can do, by the service's name of the error. XAdminUserNotFound
// is versitygw's InvalidAccessKeyId.
var hints = map[string]string{
	"NoSuchBucket":                 noBucket,
	"InvalidAccessKeyId":           "the server does not know this access key id: check AWS_ACCESS_KEY_ID or the profile",
	"XAdminUserNotFound":           "the server does not know this access key id: check AWS_ACCESS_KEY_ID or the profile",
	"SignatureDoesNotMatch":        "the secret does not belong to the access key id: check AWS_SECRET_ACCESS_KEY or the profile",
	"ExpiredToken":                 "the session has expired: log in again, or use credentials that are renewed by themselves",
	"InvalidToken":                 "the session token is not valid: check AWS_SESSION_TOKEN or log in again",
	"RequestTimeTooSkewed":         "this machine's clock differs from the server's by too much: set it (NTP)",
	"AuthorizationHeaderMalformed": "the region is not the bucket's: set archive.s3.region",
	"PermanentRedirect":            "the bucket is in another region or at another endpoint: set archive.s3.region or archive.s3.endpoint",
	"InvalidBucketName":            "the bucket's name is not allowed",
	"NotImplemented":               "the server lacks what this request needs (If-None-Match, or an encryption, storage class or tag that was configured)",
	"InvalidObjectState":           "the object is in a storage class that must be restored before it is read",
	"InvalidStorageClass":          "the server does not know this storage class: set archive.s3.storage_class",
	"KMS.NotFoundException":        "the KMS key does not exist: set archive.s3.kms_key",
}

// hintsByStatus are for answers without a name, as every answer to HEAD.
var hintsByStatus = map[int]string{
	http.StatusMovedPermanently:  "the bucket is in another region or at another endpoint: set archive.s3.region or archive.s3.endpoint",
	http.StatusTemporaryRedirect: "the bucket is in another region or at another endpoint: set archive.s3.region or archive.s3.endpoint",
	http.StatusForbidden: "access denied: check key id, secret and this machine's clock; the user needs s3:GetObject, s3:PutObject, " +
		"s3:DeleteObject, and s3:ListBucket, without which a missing object looks like a forbidden one",
	http.StatusBadRequest: "the request was refused: check the region, the credentials and whether the endpoint is an S3 server (https:// where it speaks TLS)",
}

// explain puts what to do before the error, if it is of a kind that a person can end. The
// SDK's texts hold no secrets.
func explain(err error) error {
	if hint := hintFor(err); hint != "" {
		return fmt.Errorf("%s: %w", hint, err)
	}
	return err
}

func hintFor(err error) string {
	if hint := hintForConnection(err); hint != "" {
		return hint
	}
	hint := hints[codeOf(err)]
	if hint == "" {
		hint = hintsByStatus[statusOf(err)]
	}
	if region := regionOf(err); region != "" && hint != "" {
		hint += fmt.Sprintf(" (the bucket's region is %s)", region)
	}
	return hint
}

func hintForConnection(err error) string {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	// The SDK has no type for it. A status would be that of whom it asked for credentials.
	case strings.Contains(err.Error(), "get identity: get credentials"):
		return "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
	case errors.As(err, &certificate):
		return "the server's certificate is not trusted: set AWS_CA_BUNDLE to the file of its CA"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the endpoint does not speak TLS: is it http:// instead of https://?"
	case errors.As(err, &name) && name.IsNotFound:
		return "the server's name is not known: check the endpoint (and path_style, which keeps the bucket out of the host name)"
	}
	return ""
}

// regionOf returns the bucket's region if the answer names it.
func regionOf(err error) string {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		if region := answer.Response.Header.Get("X-Amz-Bucket-Region"); len(region) <= 40 {
			return region
		}
	}
	return ""
}
