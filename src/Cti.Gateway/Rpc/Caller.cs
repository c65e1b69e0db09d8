using Cti.Contract;
using Cti.Gateway.Access;

namespace Cti.Gateway.Rpc;

/// <summary>Who asks, and how it reached this gateway.</summary>
/// <param name="Application">The application that its key belongs to.</param>
/// <param name="Generation">The generation that its path names.</param>
/// <param name="Server">Scheme and authority by which it reached the gateway, e.g. <c>https://cti.example:8443</c>.</param>
internal sealed record Caller(Application Application, ApiGeneration Generation, string Server);
