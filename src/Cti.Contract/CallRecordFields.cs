using System.Collections.Immutable;

namespace Cti.Contract;

/// <summary>The fields of a call record.</summary>
public static class CallRecordFields
{
    /// <summary>The fields' names, in the contract's order: the columns of the CSV file and of the table's view.</summary>
    public static readonly ImmutableArray<string> Names =
    [
        "id", "nodeid", "cdrid", "processid", "callid", "ch", "devno", "ani", "dnis", "dnis2", "orgcallno", "dir", "devtype", "busitype",
        "callstatus", "endtype",
        "ipscreason", "callfailcause", "callbegintime", "connectbegintime", "callendtime", "talkduration", "projectid", "flowid",
        "additionalinfo1", "additionalinfo2", "additionalinfo3", "additionalinfo4", "additionalinfo5",
    ];
}
