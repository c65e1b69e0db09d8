using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Cti.Node.Commands;

/// <summary><c>cti call sip:USER@HOST --play FILE</c>: places one call, plays a file when it is answered, hangs up, and prints every event.</summary>
internal static class CallCommand
{
    public static Command Build(Terminal terminal)
    {
        var access = new GatewayAccess();
        var to = new Argument<string>("URI") { Description = "Whom to call: sip:USER@HOST[:PORT]." };
        var play = new Option<string>("--play") { Description = "What to play: a file of the server's cti.media.root.", HelpName = "FILE", Required = true };
        var from = new Option<string?>("--from") { Description = "The caller shown: a SIP URI or a number.", HelpName = "URI" };
        var seconds = new Option<int>("--max-seconds")
        {
            Description = "The call is dropped so long after its answer.", HelpName = "N", DefaultValueFactory = _ => 300,
        };
        var command = new Command("call", "Places one call, plays a file when it is answered, hangs up, and prints its events.") { to, play, from, seconds };
        access.AddTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            using var client = access.Connect(result);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
            {
                if (stop.IsCancellationRequested) return;
                context.Cancel = true;
                stop.Cancel();
            });
            var socket = await GatewaySocket.ConnectAsync(client, stop.Token).ConfigureAwait(false);
            await using var closing = socket.ConfigureAwait(false);
            var parameters = new JsonObject { ["to_uri"] = result.GetValue(to), ["max_answer_seconds"] = result.GetValue(seconds) };
            if (result.GetValue(from) is { } caller) parameters["from_uri"] = caller;
            return await new Conversation(terminal, socket, result.GetValue(play)!).RunAsync(parameters, stop.Token).ConfigureAwait(false);
        });
        return command;
    }

    /// <summary>One call from construct to released.</summary>
    private sealed class Conversation(Terminal terminal, GatewaySocket socket, string file)
    {
        private string? _problem = "the call was not answered";

        public async Task<int> RunAsync(JsonObject parameters, CancellationToken cancellation)
        {
            var made = await socket.AskAsync("sys.call.construct", parameters, cancellation).ConfigureAwait(false) as JsonObject;
            var call = (string?)made?["res_id"] ?? throw new CommandException("sys.call.construct: the answer names no call");
            terminal.Say($"{call} calls {made?["to_uri"]}");
            using var hangUp = cancellation.Register(() => _ = DropAsync(call));
            try
            {
                await foreach (var notice in socket.Events.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                {
                    if (notice["params"] is not JsonObject event_ || (string?)event_["res_id"] != call) continue;
                    Print(notice, event_);
                    if ((string?)notice["method"] == "sys.call.on_released") return Outcome();
                    await ReactAsync((string?)notice["method"], call, event_).ConfigureAwait(false);
                }
            }
            catch (ChannelClosedException)
            {
                // Said below.
            }
            throw new CommandException($"the connection to the gateway was lost; the call {call} may still be up");
        }

        private async Task ReactAsync(string? method, string call, JsonObject event_)
        {
            switch (method)
            {
                case "sys.call.on_dial_completed" when event_["error"] is null:
                    _problem = $"{file} was not played to its end";
                    await TryAsync("sys.call.play_start", new JsonObject { ["res_id"] = call, ["content"] = file }, call).ConfigureAwait(false);
                    break;
                case "sys.call.on_dial_completed":
                    _problem += Because(event_);
                    break;
                case "sys.call.on_play_completed":
                    _problem = event_["error"] is null ? null : _problem + Because(event_);
                    await DropAsync(call, cause: 200).ConfigureAwait(false);
                    break;
            }
        }

        /// <summary>A refusal while the call is up ends the call; it may also have ended by itself just then.</summary>
        private async Task TryAsync(string method, JsonObject parameters, string call)
        {
            try
            {
                await socket.AskAsync(method, parameters, CancellationToken.None).ConfigureAwait(false);
            }
            catch (CommandException e)
            {
                terminal.Complain("cti: " + e.Message);
                await DropAsync(call).ConfigureAwait(false);
            }
        }

        private static string Because(JsonObject event_) =>
            event_["error"] is JsonObject error ? $": {error["message"]} (error {error["code"]})" : "";

        private async Task DropAsync(string call, int cause = 603)
        {
            try
            {
                await socket.AskAsync("sys.call.drop", new JsonObject { ["res_id"] = call, ["cause"] = cause }, CancellationToken.None).ConfigureAwait(false);
            }
            catch (CommandException)
            {
                // Released meanwhile: its event says so.
            }
        }

        private void Print(JsonObject notice, JsonObject event_)
        {
            var time = notice["meta"]?["time"] is JsonValue value && value.TryGetValue<long>(out var millis)
                ? DateTimeOffset.FromUnixTimeMilliseconds(millis).ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture) : "";
            terminal.Say($"{time} {notice["method"]} {event_.ToJsonString()}");
        }

        private int Outcome()
        {
            if (_problem is null) return CommandLine.Done;
            terminal.Complain("cti: " + _problem);
            return CommandLine.Failed;
        }
    }
}
