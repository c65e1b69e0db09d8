using System.CommandLine;
using Cti.Gateway.Access;
using Cti.Node.Configuration;
using Cti.Node.Hocon;

namespace Cti.Node.Commands;

/// <summary><c>cti key new APP</c>: makes a key. Needs no running node.</summary>
internal static class KeyCommand
{
    public static Command Build(Terminal terminal)
    {
        var application = new Argument<string>("APP") { Description = "The application's name." };
        var make = new Command("new", "Makes a key, prints it once, and the configuration line with its hash.") { application };
        make.SetAction(result =>
        {
            var name = result.GetValue(application)!;
            if (ConfigurationTexts.Name(name) is null)
                throw new CommandException($"\"{name}\" is no name of an application; right are up to 64 letters, digits, - _ and .");
            var key = DefaultKey.Create();
            terminal.Say("The key, for the application. It is shown this once:");
            terminal.Say(key);
            terminal.Say("The line for the node's configuration:");
            terminal.Say($"{HoconPath.Format(["cti", "gateway", "applications", name, "keys"])} += \"{DefaultKey.Hash(key)}\"");
            return CommandLine.Done;
        });
        return new Command("key", "Keys of applications.") { make };
    }
}
