namespace Cti.Calls.Tests.Speech;

/// <summary>What is said in American English.</summary>
public sealed class EnglishTests
{
    public static TheoryData<string, string> DigitRows => Spoken.Table("""
        0 | zero
        0123456789 | zero one two three four five six seven eight nine
        10 | one zero
        5550100 | five five five zero one zero zero
        """);

    public static TheoryData<string, string> NumberRows => Spoken.Table("""
        1086.3 | one thousand eighty-six point three
        -5 | minus five
        10000 | ten thousand
        100000001 | one hundred million one
        0 | zero
        -0 | zero
        -0.00 | zero
        1 | one
        2 | two
        3 | three
        9 | nine
        007 | seven
        10 | ten
        11 | eleven
        12 | twelve
        13 | thirteen
        14 | fourteen
        15 | fifteen
        16 | sixteen
        17 | seventeen
        18 | eighteen
        19 | nineteen
        20 | twenty
        21 | twenty-one
        30 | thirty
        32 | thirty-two
        40 | forty
        43 | forty-three
        50 | fifty
        54 | fifty-four
        60 | sixty
        65 | sixty-five
        70 | seventy
        76 | seventy-six
        80 | eighty
        87 | eighty-seven
        90 | ninety
        98 | ninety-eight
        99 | ninety-nine
        100 | one hundred
        101 | one hundred one
        110 | one hundred ten
        111 | one hundred eleven
        120 | one hundred twenty
        121 | one hundred twenty-one
        200 | two hundred
        315 | three hundred fifteen
        999 | nine hundred ninety-nine
        1000 | one thousand
        1001 | one thousand one
        1010 | one thousand ten
        1086 | one thousand eighty-six
        1100 | one thousand one hundred
        1234 | one thousand two hundred thirty-four
        2000 | two thousand
        9999 | nine thousand nine hundred ninety-nine
        10001 | ten thousand one
        12345 | twelve thousand three hundred forty-five
        65536 | sixty-five thousand five hundred thirty-six
        100000 | one hundred thousand
        100001 | one hundred thousand one
        111111 | one hundred eleven thousand one hundred eleven
        1000000 | one million
        1000001 | one million one
        1001000 | one million one thousand
        1234567 | one million two hundred thirty-four thousand five hundred sixty-seven
        20000000 | twenty million
        123456789 | one hundred twenty-three million four hundred fifty-six thousand seven hundred eighty-nine
        1000000000 | one billion
        1000000001 | one billion one
        2147483647 | two billion one hundred forty-seven million four hundred eighty-three thousand six hundred forty-seven
        999999999999 | nine hundred ninety-nine billion nine hundred ninety-nine million nine hundred ninety-nine thousand nine hundred ninety-nine
        1000000000000 | one trillion
        1000000001000 | one trillion one thousand
        12000000000000 | twelve trillion
        100000000000000 | one hundred trillion
        1000000000000000 | one quadrillion
        1000000000000001 | one quadrillion one
        1002003004005006 | one quadrillion two trillion three billion four million five thousand six
        """ + "\n9007199254740993 | nine quadrillion seven trillion one hundred ninety-nine billion two hundred fifty-four million seven hundred forty "
        + "thousand nine hundred ninety-three\n" + """
        0.1 | zero point one
        0.05 | zero point zero five
        0.50 | zero point five
        -0.5 | minus zero point five
        2.0 | two
        3.14 | three point one four
        12.02 | twelve point zero two
        0.000001 | zero point zero zero zero zero zero one
        -1086.30 | minus one thousand eighty-six point three
        1000.000100 | one thousand point zero zero zero one
        """);

    public static TheoryData<string, string> AmountRows => Spoken.Table("""
        1086.30 | one thousand eighty-six point three yuan
        0 | zero yuan
        1 | one yuan
        2 | two yuan
        0.05 | zero point zero five yuan
        -3 | minus three yuan
        100000001 | one hundred million one yuan
        """);

    public static TheoryData<string, string> MoneyRows => Spoken.Table("""
        1086.30 | one thousand eighty-six yuan three jiao
        0.05 | five fen
        3 | three yuan
        3.00 | three yuan
        0 | zero yuan
        -0.00 | zero yuan
        0.5 | five jiao
        0.35 | three jiao five fen
        1.05 | one yuan five fen
        2.22 | two yuan two jiao two fen
        -12.30 | minus twelve yuan three jiao
        -0.01 | minus one fen
        """);

    public static TheoryData<string, string> MomentRows => Spoken.Table("""
        2012-9-8 | september eighth two thousand twelve
        2012-9-8 1:5:3 | september eighth two thousand twelve at one oh five a.m. and three seconds
        2012-09-08 01:05 | september eighth two thousand twelve at one oh five a.m.
        1980-01-01 01:23:35 | january first nineteen eighty at one twenty-three a.m. and thirty-five seconds
        2012-9 | september two thousand twelve
        1980-01 | january nineteen eighty
        2000-02-29 | february twenty ninth two thousand
        2000-1-1 1:0 | january first two thousand at one o'clock a.m.
        2001-3-2 | march second two thousand one
        1905-4-3 | april third nineteen oh five
        1900-5-4 | may fourth nineteen hundred
        1999-6-5 | june fifth nineteen ninety-nine
        1066-7-6 | july sixth one thousand sixty-six
        1100-8-7 | august seventh eleven hundred
        0987-10-9 | october ninth nine hundred eighty-seven
        0001-11-10 | november tenth one
        2100-12-11 | december eleventh twenty-one hundred
        2019-12-12 | december twelfth two thousand nineteen
        2019-12-13 | december thirteenth two thousand nineteen
        2019-12-14 | december fourteenth two thousand nineteen
        2019-12-15 | december fifteenth two thousand nineteen
        2019-12-16 | december sixteenth two thousand nineteen
        2019-12-17 | december seventeenth two thousand nineteen
        2019-12-18 | december eighteenth two thousand nineteen
        2019-12-19 | december nineteenth two thousand nineteen
        2019-12-20 | december twentieth two thousand nineteen
        2019-12-21 | december twenty first two thousand nineteen
        2019-12-22 | december twenty second two thousand nineteen
        2019-12-30 | december thirtieth two thousand nineteen
        2019-12-31 | december thirty first two thousand nineteen
        9999-12-31 | december thirty first ninety-nine ninety-nine
        1:5:3 | one oh five a.m. and three seconds
        01:23 | one twenty-three a.m.
        0:0:0 | twelve o'clock a.m. and zero seconds
        0:30 | twelve thirty a.m.
        12:00 | twelve o'clock p.m.
        12:01:01 | twelve oh one p.m. and one second
        13:00 | one o'clock p.m.
        13:10:02 | one ten p.m. and two seconds
        23:59:59 | eleven fifty-nine p.m. and fifty-nine seconds
        """);

    public static TheoryData<string, string> DurationRows => Spoken.Table("""
        1:5:3 | one hour five minutes three seconds
        01:23 | one hour twenty-three minutes
        1:1:1 | one hour one minute one second
        0:0:0 | zero hours zero minutes zero seconds
        2:11:21 | two hours eleven minutes twenty-one seconds
        99:99:99 | ninety-nine hours ninety-nine minutes ninety-nine seconds
        """);

    [Theory, MemberData(nameof(DigitRows))]
    public void Digits_are_said_one_by_one(string text, string spoken) => Expect(1, text, spoken);

    [Theory, MemberData(nameof(NumberRows))]
    public void A_number_is_said_as_a_quantity(string text, string spoken) => Expect(2, text, spoken);

    [Theory, MemberData(nameof(AmountRows))]
    public void An_amount_is_a_quantity_of_yuan(string text, string spoken) => Expect(3, text, spoken);

    [Theory, MemberData(nameof(MoneyRows))]
    public void Money_is_said_in_yuan_jiao_and_fen(string text, string spoken) => Expect(6, text, spoken);

    [Theory, MemberData(nameof(MomentRows))]
    public void Dates_and_times_are_said_on_the_clock_of_twelve_hours(string text, string spoken) => Expect(4, text, spoken);

    [Theory, MemberData(nameof(DurationRows))]
    public void Durations_are_counted_in_singular_and_plural(string text, string spoken) => Expect(5, text, spoken);

    // A hyphen is written and not heard.
    private static void Expect(int type, string text, string spoken) => Spoken.English(type, text).ShouldBe(spoken.Replace('-', ' '));
}
