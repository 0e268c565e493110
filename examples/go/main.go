// Asks a model over gRPC without a proxy: gRPC itself learns from Echorator's controller which agents serve the model.
//
//	GRPC_XDS_BOOTSTRAP=xds.json ./ask [MODEL] [TEXT]
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds" // teaches gRPC the scheme xds:///
	"google.golang.org/protobuf/proto"

	pb "echorator.dev/examples/go/echoratorv1"
)

const answerTime = 60 * time.Second

func ask(target, model, text string) error {
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	replies, err := pb.NewModelServiceClient(connection).Chat(ctx, &pb.ChatRequest{
		Model:    model,
		Messages: []*pb.Message{{Role: "user", Content: text}},
		Sampling: &pb.Sampling{Temperature: proto.Float32(0)},
	})
	if err != nil {
		return err
	}
	for {
		reply, err := replies.Recv()
		if err == io.EOF {
			fmt.Println()
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Print(reply.GetText())
	}
}

func argument(number int, otherwise string) string {
	if len(os.Args) > number {
		return os.Args[number]
	}
	return otherwise
}

func main() {
	if os.Getenv("GRPC_XDS_BOOTSTRAP") == "" && os.Getenv("GRPC_XDS_BOOTSTRAP_CONFIG") == "" {
		fmt.Fprintln(os.Stderr, "GRPC_XDS_BOOTSTRAP must name a file; `echorator bootstrap > xds.json` makes it")
		os.Exit(1)
	}
	model := argument(1, "echo-nano")
	target := "xds:///" + model
	if err := ask(target, model, argument(2, "Hello!")); err != nil {
		said := status.Convert(err)
		fmt.Fprintf(os.Stderr, "%s did not answer: %s: %s\n", target, said.Code(), said.Message())
		os.Exit(1)
	}
}
