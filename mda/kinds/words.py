"""Words that tell a language: the short, frequent ones that sentences cannot do without."""

_ENGLISH = """
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will no more if out so what up its
about than into them can only other some could these may then do any my now such like our over me even most
made after also did many must before through where much your how should because each those between being under
while does during without within however both whether per us same cannot i am don't it's
"""

_OTHER = {
    "Spanish": """el los las una del que por para con como más pero sus este esta cuando también muy desde todo
        según donde""",
    "French": """le les des une est pas qui dans pour sur avec ce cette sont ou mais plus par vous être aux ne sa
        ses leur""",
    "German": """der die das und ist nicht ein eine einen dem den mit auf für von zu im sich auch es wird sind oder
        bei nach aus""",
    "Italian": "il della delle degli che di è non gli nel dei alla sono anche più come questo si",
    "Portuguese": "os um uma não na em ao dos das mais foi pelo à são você está seu sua até isso",
    "Dutch": "het een van niet zijn op te voor met dat deze ook naar wordt worden kan bij aan om",
    "Swedish": "och att det som på är av för inte till en ett har eller med den ej vid",
    "Danish, Norwegian": "og er ikke til af på som det et med kan skal fra ved blir også",
    "Finnish": "ja ei että tai ovat joka kun voi tämä niin jos mutta sekä kuin",
    "Polish": "nie się jest że jak przez dla lub są tego oraz ma przy może",
    "Czech": "je že pro není jako nebo jsou při ale které podle",
    "Hungarian": "az és hogy nem egy vagy ez meg kell csak van lehet",
    "Romanian": "și în nu cu din pentru este să care sau mai pe la fi ale",
    "Turkish": "ve bir bu için ile olarak değil veya daha da de çok",
    "Indonesian": "yang dan untuk dengan tidak ini dari pada adalah ke dalam atau akan",
    "Vietnamese": "và của không có được cho là trong một với các này để",
    "Baltic": "ir ar kad su yra iš nuo kaip ka uz vai nav kas",
    "Basque": "eta ez bat edo duen",
    "Irish, Welsh": "agus ra yn yr y mae ei wedi gan",
    "Catalan": "els amb per ha",
}

ENGLISH = frozenset(_ENGLISH.split())
"""English function words: about every third word of running text."""

OTHER = frozenset(" ".join(_OTHER.values()).split()) - ENGLISH
"""Function words of languages in Latin script other than English."""
