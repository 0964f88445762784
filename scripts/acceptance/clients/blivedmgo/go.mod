module danmaku-archiver/scripts/acceptance/clients/blivedmgo

go 1.26

require (
	github.com/Akegarasu/blivedm-go v1.6.0
	github.com/gorilla/websocket v1.5.3
	github.com/sirupsen/logrus v1.9.3
)

require (
	github.com/andybalholm/brotli v1.1.0 // indirect
	github.com/tidwall/gjson v1.17.3 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	golang.org/x/sys v0.25.0 // indirect
	google.golang.org/protobuf v1.34.2 // indirect
)
