using Cti.Node.Configuration;
using Cti.Node.Hocon;

namespace Cti.Node.Tests.Hocon;

public sealed class HoconTextTests
{
    [Fact]
    public void What_is_written_reads_as_the_same_here_and_by_Akka()
    {
        const string Text = """
            a { b = 5s, "c d" = "say \"so\"" }
            list = [1, true, "x", { y = [] }]
            nothing = null
            a.e = ${a.b}
            """;
        var written = HoconText.Of(new HoconDocument().AddText(Text, "test").Resolve());

        HoconText.Of(new HoconDocument().AddText(written, "test").Resolve()).ShouldBe(written);
        var akka = Akka.Configuration.ConfigurationFactory.ParseString($"top {written}");
        akka.GetTimeSpan("top.a.e").ShouldBe(TimeSpan.FromSeconds(5));
        akka.GetString("top.a.\"c d\"").ShouldBe("say \"so\"");
    }

    [Fact]
    public void The_block_akka_is_handed_on_with_our_substitutions_and_is_no_unknown_key()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "akka { cluster { gossip-interval = ${?GOSSIP} }, loglevel = INFO }\ncti.sip.listen = [\"udp:127.0.0.1:5060\"]");
            var sources = ConfigurationSources.None with { File = file, Environment = ConfigurationSources.None.Environment.Add("GOSSIP", "80ms") };
            var akka = Akka.Configuration.ConfigurationFactory.ParseString(NodeConfigurationLoader.Load(sources).Akka);
            akka.GetTimeSpan("akka.cluster.gossip-interval").ShouldBe(TimeSpan.FromMilliseconds(80));
            akka.GetString("akka.loglevel").ShouldBe("INFO");
            NodeConfigurationLoader.Load(ConfigurationSources.None).Akka.ShouldBe("");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_block_akka_that_is_none_is_a_problem() =>
        Should.Throw<ConfigurationException>(() => NodeConfigurationLoader.Load(ConfigurationSources.None with { Sets = ["akka=off"] }))
            .Message.ShouldContain("akka");
}
