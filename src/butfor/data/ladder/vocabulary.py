"""Plain words in great number, from which random worlds are told: a small model is to learn to read everyday phrases,
not the few stories.

Pools     people, places, machines, living: whom a text may be about, and phrases that fit all of them. A phrase is, as
          in `stories`, a noun and a verb in the plural: in the same word (owning a boat, own a boat), in a word of its
          family (arrest, are arrested), or in quite other words (insomnia, lie awake at night).
Opposites everyday variables as in `wide`: noun; the event where it is there, and where it is not; who has it, and who
          has not.
Limits    No sense of what causes what: any arrow between any two phrases will do. All words are our own; no phrase
          stands in `stories`, and no noun is a variable or a value of the public CLadder set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from butfor.data.ladder.stories import Phrase
from butfor.data.ladder.words import Words

Opposite = tuple[str, str, str, str, str]  # noun, yes, no, who, who_not


@dataclass(frozen=True, slots=True)
class Pool:
    """Whom a text may be about, and what may be said of them."""

    name: str
    who: str  # the relative pronoun: who, that
    units: tuple[str, ...]
    settings: tuple[str, ...]  # each with "{units}"
    phrases: tuple[Phrase, ...]


def _pairs(text: str) -> tuple[Phrase, ...]:
    halves = (pair.strip().partition("|") for line in text.strip().splitlines() for pair in line.split(" / "))
    return tuple((noun, verb) for noun, _, verb in halves)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PEOPLE = """
owning a boat|own a boat / a pet at home|keep a pet at home / a twin|have a twin / playing chess|play chess
a second language|speak a second language / a library card|hold a library card / riding a bicycle|ride a bicycle
a driving licence|have a driving licence / singing in a choir|sing in a choir / baking bread|bake bread
a gold ring|wear a gold ring / a broken phone|have a broken phone / watching the news|watch the news
a black coat|wear a black coat / keeping a diary|keep a diary / a loud voice|speak in a loud voice
working from home|work from home / a big breakfast|eat a big breakfast / a trip abroad|go on a trip abroad
an old house|live in an old house / a large family|come from a large family / a rented flat|live in a rented flat
a window seat|choose a window seat / fresh fruit|buy fresh fruit / a foreign passport|travel on a foreign passport
paying in cash|pay in cash / a missing tooth|have a missing tooth / reading glasses|wear reading glasses
drinking tea|drink tea / a new sofa|buy a new sofa / a concert ticket|have a concert ticket
a magazine subscription|subscribe to a magazine / a grudge|bear a grudge / loss of a wallet|lose their wallet
a missed train|miss the last train / a strong rival|face a strong rival / stolen goods|handle stolen goods
an afternoon off|have the afternoon off / a sharp knife|carry a sharp knife / a massage|get a massage
a written will|leave a written will / a tattoo|get a tattoo / snoring|snore / yawning|yawn / juggling|juggle
dancing|dance at weddings / fishing|fish from the pier / knitting|knit / mending clothes|mend their own clothes
marriage|marry within the year / retirement|retire early / resignation|resign / divorce|get divorced
victory|win the match / laughter|laugh a lot / an apology|apologise / a donation|donate to the museum
protest|protest in the street / election to the board|are elected to the board / arrest|are arrested
eviction|are evicted / acquittal|are acquitted / injury|are injured / inheritance|inherit a fortune
hesitation|hesitate before they sign / participation|take part / a complaint|complain to the council
departure at dawn|depart at dawn / suspicion|suspect a stranger / negotiation|negotiate for a better deal
emigration|emigrate / escape from the flood|escape from the flood / obedience|obey the rules
imitation|imitate their heroes / registration|register in time / repayment of the loan|repay the loan
delay|are delayed / consent|consent to the plan / refusal|refuse the offer / prayer|pray before meals
attendance|attend the meeting / rescue|are rescued / an invention|invent something useful / silence|stay silent
surrender|surrender to the enemy / survival of the crash|survive the crash / nomination|are nominated for an award
hunger|are hungry / thirst|are thirsty / loneliness|are lonely / boredom|are bored / patience|are patient
modesty|are modest / anger|are angry / pride|are proud of their work / shyness|are shy / confusion|are confused
baldness|are bald / wealth|are wealthy / bankruptcy|are bankrupt / widowhood|are widowed / tidiness|are tidy
loyalty|are loyal to their friends / politeness|are polite / religious faith|are religious / height|are tall
strength|are strong / readiness|are ready at six / nervousness|are nervous / seniority|are senior to the others
foreign birth|were born abroad / a rural childhood|were raised in the country / adoption|were adopted
military service|were in the army / premature birth|were born too early / birth at sea|were born at sea
a strict upbringing|were brought up strictly / a criminal record|were in jail before / noble blood|are of high birth
frugality|spend little money / courage|face danger calmly / generosity|give freely to others
curiosity|ask many questions / stubbornness|refuse to give in / optimism|expect the best
pessimism|expect the worst / ambition|aim high / jealousy|envy their neighbours / insomnia|lie awake at night
homesickness|miss the place they come from / stage fright|tremble before an audience
a meatless diet|live off plants / sobriety|stay away from alcohol / debt|owe money to the bank
left-handedness|write with the left hand / unemployment|are out of work / gossip|talk behind the backs of others
clumsiness|drop things all the time / forgetfulness|leave their keys behind / a sweet tooth|like cakes
a green thumb|make every plant thrive / a night shift|work while others sleep / gratitude|say thank you
a long commute|travel far every morning / a head cold|sneeze all day / prosperity|earn a good living
superstition|avoid the number thirteen / hypochondria|worry over every ache / overtime|stay late at work
a clear conscience|sleep without guilt / good manners|hold the door for strangers / discretion|keep secrets
a hangover|wake with a headache / vanity|look in the mirror often / leadership|take charge of the group
cowardice|run from a fight / charity|help the needy / impatience|hate to wait / deafness|are hard of hearing
a bad memory|forget names quickly / sportsmanship|shake hands after losing / a solitary life|live alone
respect|are looked up to / seasickness|feel ill in a boat / nightmares|dream of terrible things
stress|feel under pressure / grief|mourn a dead friend / tolerance|accept other beliefs
self-control|keep their temper / a windfall|find a banknote in the street / literacy|read without help
junk food|live off burgers / dehydration|drink too little / exhaustion|fall asleep at the table
a sense of humour|make others laugh / a lie|hide the truth / fraud|cheat the tax office / a bargain|buy at half cost
a sprained ankle|limp / a nickname|are called by another name / a feud|quarrel with their cousins
a trustworthy face|are believed by strangers / tax relief|pay less to the state / parenthood|raise children
burglary|come home to a forced lock / good posture|sit up straight / early rising|are up before sunrise
a nap|sleep after lunch / night blindness|see poorly in the dark / colour blindness|mistake red for green
a crowded home|share a bed / manual labour|work with their hands / homemade meals|cook for themselves
public speaking|address large crowds / wanderlust|long for distant lands / a guilty verdict|are convicted
bail|are set free for a fee / a lottery win|hit the jackpot / sound advice|are told what works best
a warm welcome|are greeted with open arms / public shame|are mocked in the square / a pay rise|earn more than before
team spirit|pull together / a tight budget|count every penny / a fear of heights|shun tall towers
a fear of flying|keep away from planes / a fear of spiders|scream at eight legs / nail biting|chew their nails
sleepwalking|get up while asleep / camping|sleep in a tent / hitchhiking|thumb a lift / recycling|sort their rubbish
vegetable growing|plant their own beans / carpooling|share a ride / haggling|argue over the cost
hay fever|suffer when grass flowers / a mortgage|borrow to buy a house / blood donation|give blood
a view of the sea|look out over the waves / neighbourly help|lend tools next door
a full inbox|get hundreds of messages / a slow connection|wait long for a page to load
trade unionism|belong to a union / a seat in parliament|sit in parliament / a speeding ticket|are fined for speed
a dental check|visit the dentist / a parking space|park by the door / a spare key|hide a key under the mat
a packed lunch|bring food from home / a handwritten note|write with a pen / rude behaviour|insult the waiter
a firm handshake|grip hands tightly / a lame foot|drag one leg / a stutter|trip over their words
a beard|let their beard grow / a piercing|wear a ring in the nose / a steady hand|thread a needle at once
perfect pitch|name a note by ear / a photographic memory|recall whole pages / quick wit|answer in a flash
good aim|hit the target / deep thought|think for hours / daydreaming|let their mind wander
mistrust|doubt what they are told / a sudden illness|fall ill overnight / a long wait|stand in a queue
a wrong turn|lose their way / a flat tyre|are stuck by the road / freelance work|serve many clients
a mentor|are guided by a veteran / overseas roots|have ancestors from another continent
city life|dwell in a big town / a change of address|move house / a flooded cellar|find water below the house
solar panels|make power from sunlight / a balcony|sit out above the street / shared chores|split the housework
childlessness|stay without children / a foreign accent|sound as if from abroad / good reflexes|catch a falling cup
poor eyesight|need strong lenses / a bad back|ache when they bend / a rich vocabulary|know many words
"""
_UNITS = """
nurses voters tenants bakers sailors farmers writers lawyers villagers clerks tailors miners hikers soldiers adults
neighbours citizens pensioners painters volunteers teachers visitors drivers dancers waiters tourists islanders widows
actors builders mayors cooks
"""
_PLACES = """
an old wall|are ringed by an old wall / a weekly market|hold a market every week / a new bridge|have a new bridge
tourism|draw many visitors / remoteness|are hard to reach / altitude|lie high above the sea
a ferry link|are served by a ferry / a lighthouse|have a lighthouse / street lighting|are lit at night
a castle|are guarded by a castle / a cathedral|boast a cathedral / cleanliness|are clean / safety|are safe after dark
nightlife|are loud until morning / crime|suffer from theft / growth|grow every year / emptiness|are half empty
an ageing population|house mostly elderly people / flooding|are flooded / a long drought|go months without water
a landslide|were hit by a landslide / an annual fair|hold a fair once a year / a strike|are shut by a strike
fog|vanish in morning mist / heavy snow|are buried in snow / sunshine|see the sun most days
strong winds|are exposed to gales / a power cut|sit in the dark for hours / an airport|have an airport nearby
a railway|lie by a railway / a dead end|lie where the road stops / fertile land|are surrounded by fertile land
a gold mine|dig for gold / fishing|live off the catch / heavy industry|are full of factories / a car ban|keep cars out
bicycle lanes|have paths for cyclists / high rents|are costly to live in / vacant shops|have boarded windows
a royal visit|are visited by the king / foreign rule|are governed from abroad / self-rule|govern themselves
a budget surplus|take in more than they spend / public debt|owe millions / a public library|run a public library
a twin town|are paired with a foreign town / a music festival|host a music festival / a film set|appear in films
a nature reserve|protect their wildlife / palm trees|are shaded by palms / vineyards|make wine
a volcano|lie below a volcano / hot springs|have hot springs / a siege|were besieged in the past
a border crossing|lie at the edge of the country / founding by monks|were founded by monks
a merger|are merged with a neighbour / narrow lanes|have narrow lanes / a fast network|have quick internet
rebuilding|were rebuilt after the war / an exodus|lose people to the city / a local dialect|speak in their own way
"""
_MACHINES = """
rust|are rusty / a fresh coat of paint|are freshly painted / a strong motor|have a strong motor
overheating|run too hot / an empty battery|have an empty battery / a warranty|are under warranty
a recall|are called back by the maker / a software update|are given new software / a loose screw|have a loose screw
a leak|leak / a rattle|rattle / vibration|shake at full speed / breakdown|break down / repair|are repaired
regular service|are serviced twice a year / neglect|are left to decay / light use|stand idle most days
overload|carry more than they should / foreign make|were made abroad / mass production|come off an assembly line
handcraft|were built by hand / a vintage model|date from the last century / a previous owner|are sold second hand
theft|are stolen / insurance|are insured / a spare part|come with a spare part / remote control|are steered from afar
automation|work by themselves / a safety switch|have a safety switch / a warning light|show a warning light
a cracked screen|have a cracked screen / a blown fuse|blow a fuse / dust|are covered in dust
lubrication|are well oiled / a trained operator|are run by an expert / misuse|are handled roughly
a test run|pass a test run / certification|bear a safety seal / energy saving|use little power
electric drive|run off a cable / a diesel engine|burn diesel / high speed|go fast / a sudden halt|stop without warning
a short circuit|give off sparks / a manual|come with a manual / leasing|are leased / export|are shipped overseas
a discount|cost less than usual / bulk purchase|are bought by the dozen / disposal|end up as scrap
water damage|were damaged by water / a cold start|are started in the frost / a garage|are kept indoors overnight
a tracking device|send out their position / a lock|are locked / great bulk|weigh several tons
quiet operation|run without noise / a tilted base|stand at an angle / a modern design|look modern
poor sales|find few buyers / a bad reputation|are disliked by their owners / inspection failure|fail the inspection
"""
_LIVING = """
sickness|are ill / rapid growth|grow fast / a scar|bear a scar / parasites|carry parasites / poison|are poisonous
frost damage|are hurt by frost / shelter from wind|are sheltered from the wind / rarity|belong to a rare species
legal protection|are protected by law / bright colours|are brightly coloured / a nearby pond|live by a pond
island life|live off the mainland / a strong smell|smell strongly / a tag|are tagged / a keeper|are tended by a keeper
hardiness|endure cold nights / offspring|have offspring / pure breeding|are of one breed / a name|are given a name
a photograph|are photographed / sale at auction|go to the highest bidder / import|come from overseas
a dry year|live through a drought / captivity|live in a zoo / crowding|live close together
isolation|live far from their kind / starvation|lack food / thirst|lack water / great height|are tall
stunted growth|stay small / early maturity|mature early / infertility|are unable to breed
survival|are alive after ten years
a lightning strike|are struck by lightning / shade|live in the shade / rich food|are well fed
human contact|are touched by humans / a fence|are fenced in / a mate|have a mate nearby / fungus|are covered in fungus
exposure to salt|take in salt / mountain air|live above the clouds / a mild climate|thrive in a mild climate
relocation|are moved to a new site / research use|serve in research / commercial value|fetch a fortune
a place in heraldry|appear on coats of arms / sacredness|are held sacred / noise exposure|live next to a motorway
ancient stock|descend from an old line / crossbreeding|were crossed with another kind
a special diet|are fed a special mix / fragility|are easily hurt / resistance|shake off infections
symmetry|are the same on both sides / sharp spikes|are armed with spikes / daily care|are cared for every day
abandonment|are forgotten by their owners / wildness|live in the wild / a census|are counted by the state
a torrent|are swept away by water / thieves|are stolen / a northern home|come from the far north
"""
_OPPOSITES = """
water supply|ample water|scarce water|villages with ample water|villages with scarce water
the chef|cooking by the chef|no cooking by the chef|chefs who cook|chefs who don't cook
blood sugar|high blood sugar|low blood sugar|adults with high blood sugar|adults with low blood sugar
the queen|pardon by the queen|punishment by the queen|queens who pardon|queens who punish
the porter|an opened gate|a shut gate|porters who open the gate|porters who keep the gate shut
the bridge|the bridge collapsing|the bridge holding|bridges that collapse|bridges that hold
the pilot|landing by the pilot|not landing by the pilot|pilots who land|pilots who do not land
the baker|bread baked by the baker|no bread baked by the baker|bakers who bake bread|bakers who bake no bread
the nurse|call made by the nurse|call not made by the nurse|nurses who make the call|nurses who don't make the call
the judge|a conviction|an acquittal|judges who convict|judges who acquit
the referee|a blown whistle|no whistle|referees who blow the whistle|referees who don't blow the whistle
the dog|the dog barking|the dog staying quiet|dogs that bark|dogs that stay quiet
the cat|the cat being asleep|the cat being awake|cats that are asleep|cats that are awake
the king|the king's crowning|the king's exile|kings who are crowned|kings who are exiled
the admiral|attack led by the admiral|retreat led by the admiral|admirals who attack|admirals who retreat
the witness|the witness speaking up|the witness keeping silent|witnesses who speak up|witnesses who keep silent
the editor|article approved by the editor|article rejected by the editor|editors who approve|editors who reject
the clerk|letter sent by the clerk|no letter sent by the clerk|clerks who send a letter|clerks who send no letter
the landlord|a raised rent|an unchanged rent|landlords who raise the rent|landlords who keep the rent unchanged
the tenant|the tenant moving out|the tenant staying|tenants who move out|tenants who stay
the river|a rising river|a falling river|towns by a rising river|towns by a falling river
bread|fresh bread|stale bread|bakeries with fresh bread|bakeries with stale bread
hunger|being hungry|being full|hungry guests|guests who are full
wealth|riches|small means|rich families|families of small means
attention|paying attention|being distracted|attentive listeners|distracted listeners
shoe size|big shoes|little shoes|boys with big shoes|boys with little shoes
memory|a good memory|a bad memory|people who remember well|people who forget easily
the ship|the ship sinking|the ship staying afloat|ships that sink|ships that stay afloat
wind|a strong wind|a calm|coasts with a strong wind|calm coasts
temperature outside|warm air|cold air|places with warm air|places with cold air
the oven|a hot oven|a cold oven|kitchens with a hot oven|kitchens with a cold oven
the lamp|a lit lamp|an unlit lamp|halls with a lit lamp|halls with an unlit lamp
lock|a locked gate|an unlocked gate|parks with a locked gate|parks with an unlocked gate
trust|trust|distrust|trusting neighbours|distrustful neighbours
party size|a big party|a small party|hosts of a big party|hosts of a small party
the guest|the guest's arrival|the guest's absence|guests who arrive|guests who stay away
invitation|being invited|not being invited|invited relatives|uninvited relatives
vision|sharp sight|weak sight|drivers who see well|drivers who see poorly
hearing|good hearing|deafness|people who hear well|people who are deaf
handedness|being left-handed|being right-handed|left-handed players|right-handed players
the goalkeeper|a saved shot|a missed shot|goalkeepers who save the shot|goalkeepers who miss the shot
match result|a victory|a defeat|clubs that win|clubs that lose
the coach|praise from the coach|criticism from the coach|coaches who praise|coaches who criticise
training|regular training|irregular training|athletes who train regularly|athletes who train irregularly
injury|an injury|no injury|injured dancers|uninjured dancers
the ballet|attending the ballet|skipping the ballet|people who attend the ballet|people who skip the ballet
ticket|having a ticket|having no ticket|passengers with a ticket|passengers without a ticket
train delay|a late train|a train on schedule|stations with a late train|stations with a train on schedule
luggage|heavy luggage|light luggage|travellers with heavy luggage|travellers with light luggage
passport|a valid passport|an expired passport|tourists whose passport is valid|tourists whose passport has expired
visa|a granted visa|a denied visa|visitors who are granted a visa|visitors who are denied a visa
border|an open border|a closed border|countries with an open border|countries with a closed border
war|war|peace|nations at war|nations at peace
election|winning the election|losing the election|candidates who win|candidates who lose
the senator|a yes from the senator|a no from the senator|senators in favour|senators against
law|a strict law|a lax law|states with a strict law|states with a lax law
crime|much crime|little crime|cities with much crime|cities with little crime
police presence|police in the street|no police in the street|streets with police|streets without police
debt|being in debt|being free of debt|families in debt|families free of debt
savings|large savings|small savings|couples with large savings|couples with small savings
interest rate|a high rate|a low rate|banks with a high rate|banks with a low rate
rent|dear rent|cheap rent|quarters where rent is dear|quarters where rent is cheap
profit|a profit|a loss|firms that make a profit|firms that make a loss
advertising|being advertised|not being advertised|films that are advertised|films that are not advertised
product quality|good quality|bad quality|goods of good quality|goods of bad quality
delivery|a prompt delivery|a delayed delivery|parcels that come promptly|parcels that are delayed
packaging|a sealed box|a torn box|parcels in a sealed box|parcels in a torn box
software|updated software|outdated software|laptops with updated software|laptops with outdated software
password|a safe password|an unsafe password|users with a safe password|users with an unsafe password
internet|a fast connection|a slow connection|homes with a fast connection|homes with a slow connection
screen|a bright screen|a dim screen|tablets with a bright screen|tablets with a dim screen
the robot|the robot moving|the robot standing still|robots that move|robots that stand still
switch|switch turned on|switch turned off|circuits with the switch on|circuits with the switch off
valve|an opened valve|an unopened valve|pipes whose valve was opened|pipes whose valve was not opened
fuse|a blown fuse|an intact fuse|houses with a blown fuse|houses with an intact fuse
pump|a working pump|a failed pump|wells with a working pump|wells with a failed pump
roof|a leaking roof|a tight roof|barns with a leaking roof|barns with a tight roof
heating|heating that is on|heating that is off|offices that are heated|offices that are not heated
garden|a tended garden|a wild garden|owners of a tended garden|owners of a wild garden
bees|many bees|few bees|meadows with many bees|meadows with few bees
apple harvest|ripe apples|unripe apples|orchards with ripe apples|orchards with unripe apples
the farmer|ploughing by the farmer|no ploughing by the farmer|farmers who plough|farmers who don't plough
the cow|the cow giving milk|the cow giving no milk|cows that give milk|cows that give no milk
the wolf|the wolf being near|the wolf being away|flocks with a wolf near|flocks with no wolf near
the shepherd|the shepherd waking|the shepherd sleeping on|shepherds who wake|shepherds who sleep on
snow|snow on the hills|no snow on the hills|hills with snow|hills without snow
ice|thick ice|thin ice|lakes with thick ice|lakes with thin ice
tide|high tide|low tide|bays at high tide|bays at low tide
fog|dense fog|clear air|mornings with dense fog|mornings with clear air
daylight|long days|short days|months with long days|months with short days
illness|illness|wellness|people who are ill|people who are well
cough|coughing|not coughing|children who cough|children who do not cough
operation|an operation|no operation|cases with an operation|cases without an operation
diagnosis|a positive test|a negative test|persons who test positive|persons who test negative
pulse|a racing pulse|a steady pulse|joggers with a racing pulse|joggers with a steady pulse
bone density|dense bones|brittle bones|women with dense bones|women with brittle bones
anxiety|being anxious|being calm|anxious speakers|calm speakers
confidence|self-confidence|self-doubt|singers who are confident|singers who doubt themselves
creativity|being creative|being uncreative|creative writers|uncreative writers
birth order|being the first born|being born later|the first born|those born later
family size|a big family|a small family|children from a big family|children from a small family
the grandmother|a visit by the grandmother|no visit by the grandmother|grandmothers who visit|grandmothers who stay home
the babysitter|the babysitter's coming|the babysitter's cancelling|babysitters who come|babysitters who cancel
homework|homework handed in|homework not handed in|pupils who hand in homework|pupils who hand in no homework
class size|a large class|a small class|schools with a large class|schools with a small class
reading|reading books|not reading books|readers of books|those who read no books
the author|a published book|an unpublished book|published authors|unpublished authors
the poet|being read|being ignored|poets who are read|poets who are ignored
the museum|an open museum|a closed museum|towns whose museum is open|towns whose museum is closed
the bus driver|braking by the bus driver|no braking by the bus driver|bus drivers who brake|bus drivers who don't brake
speed|being fast|being slow|fast runners|slow runners
seat belt|a fastened belt|an unfastened belt|drivers who wear the belt|drivers who don't wear the belt
brake|sound brakes|worn brakes|lorries with sound brakes|lorries with worn brakes
fishing quota|a kept quota|a broken quota|boats that keep the quota|boats that break the quota
magic spell|being enchanted|not being enchanted|enchanted frogs|ordinary frogs
the dragon|the dragon's waking|the dragon's slumber|dragons that wake|dragons that slumber
the painter|a mural by the painter|no mural by the painter|painters who paint a mural|painters who paint no mural
the messenger|the messenger arriving|the messenger not arriving|messengers who arrive|messengers who don't arrive
the bell|the bell being rung|the bell not being rung|towers whose bell is rung|towers whose bell is not rung
the lawyer|a drafted contract|no drafted contract|lawyers who draft a contract|lawyers who draft no contract
the scout|flag raised by the scout|flag not raised by the scout|scouts who raise a flag|scouts who don't raise a flag
the guide|path known to the guide|path not known to the guide|guides who know the path|guides who don't know the path
the cashier|a refund by the cashier|no refund by the cashier|cashiers who refund|cashiers who do not refund
the knight|the knight fighting|the knight not fighting|knights who fight|knights who do not fight
the neighbour|help from the neighbour|no help from the neighbour|neighbours who help|neighbours who don't help
the plumber|pipe fixed by the plumber|pipe left unfixed|plumbers who fix the pipe|plumbers who do not fix the pipe
the elephant|the elephant drinking|the elephant not drinking|elephants that drink|elephants that don't drink
the archer|a bow drawn by the archer|a bow not drawn by the archer|archers who draw a bow|archers who draw no bow
the wizard|the wizard chanting|the wizard not chanting|wizards who chant|wizards who do not chant
the ghost|haunting by the ghost|no haunting by the ghost|ghosts that haunt|ghosts that do not haunt
the rooster|the rooster crowing|the rooster not crowing|roosters that crow|roosters that don't crow
the hen|laying eggs|laying no eggs|hens that lay eggs|hens that do not lay eggs
the volcano|an eruption|no eruption|islands with an eruption|islands without an eruption
loyalty card|using a loyalty card|using no loyalty card|shoppers who use the card|shoppers who do not use the card
meat|eating meat|eating no meat|people who eat meat|people who eat no meat
milk in the tea|tea with milk|tea without milk|guests who take milk|guests who do not take milk
sugar in the dough|sugared dough|dough without sugar|cakes with sugar|cakes without sugar
gym membership|joining the gym|not joining the gym|those who join the gym|those who do not join the gym
army service|serving in the army|not serving in the army|men who serve in the army|men who do not serve in the army
ability to drive|being able to drive|not being able to drive|adults who can drive|adults who cannot drive
sheet music|reading sheet music|not reading sheet music|pianists who read music|pianists who don't read music
travel to Japan|having been to Japan|not having been to Japan|those who have seen Japan|those who have never seen Japan
taste for olives|liking olives|not liking olives|guests who like olives|guests who do not like olives
the violin|playing the violin|not playing the violin|people who play the violin|people who do not play the violin
cousins|having a cousin|not having a cousin|girls who have a cousin|girls who do not have a cousin
rust|rust|no rust|gates with rust|gates without rust
mould|mould on the wall|no mould on the wall|flats with mould|flats without mould
ticks|having ticks|having no ticks|dogs with ticks|dogs without ticks
iron level|enough iron|lack of iron|women with enough iron|women who lack iron
migraine|migraine|no migraine|people with migraine|people without migraine
side effect|a side effect|no side effect|volunteers with a side effect|volunteers without a side effect
bail|release on bail|no release on bail|suspects out on bail|suspects not out on bail
pension|a pension|no pension|widows with a pension|widows without a pension
strike|a strike|no strike|factories on strike|factories that are not on strike
tunnel|a tunnel|no tunnel|mountains with a tunnel|mountains without a tunnel
child care|free child care|no free child care|areas with free child care|areas without free child care
"""

POOLS = (
    Pool(
        "people",
        "who",
        _words(_UNITS),
        (
            "A survey follows {units} for a year.",
            "A town keeps records of its {units}.",
            "A newspaper asks {units} how they live.",
            "Researchers study {units} in many countries.",
            "An archive holds letters from {units}.",
            "This is a study of {units}.",
        ),
        _pairs(_PEOPLE),
    ),
    Pool(
        "places",
        "that",
        _words("towns villages islands harbours valleys suburbs resorts districts regions hamlets"),
        (
            "A ministry compares {units} of one country.",
            "A traveller writes about the {units} of the coast.",
            "An atlas describes {units} in detail.",
            "Planners keep a list of {units}.",
            "Someone looks at {units} from around the world.",
        ),
        _pairs(_PLACES),
    ),
    Pool(
        "machines",
        "that",
        _words("cars lorries computers printers tractors pumps robots boats trams cameras"),
        (
            "A workshop keeps a file for its {units}.",
            "A magazine tests {units}.",
            "An insurer looks at {units} of all kinds.",
            "A company has many {units} in use.",
            "Engineers watch {units} for a month.",
        ),
        _pairs(_MACHINES),
    ),
    Pool(
        "living",
        "that",
        _words("trees horses birds goats turtles shrubs wolves bears orchids frogs"),
        (
            "A biologist watches {units} for many years.",
            "A nature park keeps a register of its {units}.",
            "A village counts its {units} every spring.",
            "Two scientists write a book about {units}.",
            "A film shows {units} all year round.",
        ),
        _pairs(_LIVING),
    ),
)

OPPOSITES: tuple[Opposite, ...] = tuple(
    (noun, yes, no, who, who_not)
    for noun, yes, no, who, who_not in (line.split("|") for line in _OPPOSITES.strip().splitlines())
)


def told(names: Sequence[str], rng: Generator) -> Words:
    """Random words for these variables: every other time of people."""
    pool = POOLS[0] if rng.random() < 0.5 else POOLS[1 + int(rng.integers(len(POOLS) - 1))]
    units = pool.units[int(rng.integers(len(pool.units)))]
    setting = pool.settings[int(rng.integers(len(pool.settings)))].format(units=units)
    chosen = rng.permutation(len(pool.phrases))[: len(names)]
    phrases = {name: pool.phrases[int(at)] for name, at in zip(names, chosen, strict=True)}
    return Words("vocabulary", setting, units, pool.who, phrases)
