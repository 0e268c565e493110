// Calls a model through xDS, as the lines of its stdin say; see tests/controller/xds_callers.py, which starts it and says what the lines mean.
//
//	caller TARGET DESCRIPTORS
//
// DESCRIPTORS is a file with the FileDescriptorSet of model.proto, so that nothing needs to be generated.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type command struct {
	Stop         bool            `json:"stop"`
	Method       string          `json:"method"`
	Request      json.RawMessage `json:"request"`
	Session      string          `json:"session"`
	DeadlineS    float64         `json:"deadline_s"`
	WaitForReady bool            `json:"wait_for_ready"`
	CancelAfter  int             `json:"cancel_after"`
	Calls        int64           `json:"calls"`
	Parallel     int             `json:"parallel"`
	UntilStopped bool            `json:"until_stopped"`
}

// The names of the codes that the other languages use.
var names = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
}

type caller struct {
	connection *grpc.ClientConn
	service    protoreflect.ServiceDescriptor
	stopped    atomic.Bool
}

// The end of one call: name of its status, its message, text that came, number of messages, seconds.
func (c *caller) call(asked command) []any {
	began := time.Now()
	text, messages, err := c.text(asked)
	found := status.Convert(err)
	name, known := names[found.Code()]
	if !known {
		name = found.Code().String()
	}
	return []any{name, found.Message(), text, messages, time.Since(began).Seconds()}
}

func (c *caller) text(asked command) (string, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(asked.DeadlineS*float64(time.Second)))
	defer cancel()
	if asked.Session != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-echorator-session", asked.Session)
	}
	method := c.service.Methods().ByName(protoreflect.Name(asked.Method))
	request, reply := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := protojson.Unmarshal(asked.Request, request); err != nil {
		return "", 0, err
	}
	path, wait := fmt.Sprintf("/%s/%s", c.service.FullName(), method.Name()), grpc.WaitForReady(asked.WaitForReady)
	if !method.IsStreamingServer() {
		if err := c.connection.Invoke(ctx, path, request, reply, wait); err != nil {
			return "", 0, err
		}
		return fmt.Sprintf("%d tokens", reply.Get(method.Output().Fields().ByName("tokens")).List().Len()), 1, nil
	}
	stream, err := c.connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path, wait)
	if err != nil {
		return "", 0, err
	}
	if err := stream.SendMsg(request); err != nil && err != io.EOF {
		return "", 0, err
	}
	if err := stream.CloseSend(); err != nil {
		return "", 0, err
	}
	var said strings.Builder
	for messages := 0; ; messages++ {
		if asked.CancelAfter > 0 && messages == asked.CancelAfter {
			cancel()
		}
		if err := stream.RecvMsg(reply); err == io.EOF {
			return said.String(), messages, nil
		} else if err != nil {
			return said.String(), messages, err
		}
		said.WriteString(reply.Get(method.Output().Fields().ByName("text")).String())
	}
}

func (c *caller) run(asked command) {
	var begun atomic.Int64
	var writing sync.Mutex
	var workers sync.WaitGroup
	ends := [][]any{}
	for range asked.Parallel {
		workers.Go(func() {
			for begun.Add(1) <= asked.Calls && !(asked.UntilStopped && c.stopped.Load()) {
				end := c.call(asked)
				writing.Lock()
				ends = append(ends, end)
				if len(ends) == 1 && asked.UntilStopped {
					say("called")
				}
				writing.Unlock()
			}
		})
	}
	workers.Wait()
	say(ends)
}

func say(what any) {
	if err := json.NewEncoder(os.Stdout).Encode(what); err != nil {
		log.Fatal(err)
	}
}

func service(file string) protoreflect.ServiceDescriptor {
	raw, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, set); err != nil {
		log.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		log.Fatal(err)
	}
	found, err := files.FindDescriptorByName("echorator.v1.ModelService")
	if err != nil {
		log.Fatal(err)
	}
	return found.(protoreflect.ServiceDescriptor)
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	c := &caller{connection: connection, service: service(os.Args[2])}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		c.stopped.Store(asked.Stop)
		if !asked.Stop {
			go c.run(asked)
		}
	}
}
